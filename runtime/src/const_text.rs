//! Text in const evaluation, which cannot format.

/// A message assembled of parts.
pub(crate) struct Text {
    bytes: [u8; 1024],
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; 1024],
            len: 0,
        }
    }

    /// What does not fit any more is left out.
    pub(crate) const fn and(mut self, part: &str) -> Self {
        let part = part.as_bytes();
        if self.len + part.len() > self.bytes.len() {
            return self;
        }
        let mut i = 0;
        while i < part.len() {
            self.bytes[self.len] = part[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    pub(crate) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => unreachable!(), // of whole texts
        }
    }
}

/// From this [`distance`] on a word is not like `name` any more.
pub(crate) const fn too_far(name: &str) -> usize {
    2 + name.len() / 3
}

/// How many bytes have to be inserted, removed or changed; of a long word, more than any.
pub(crate) const fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut row = [0; 64];
    if other.len() >= row.len() {
        return usize::MAX;
    }
    let mut j = 0;
    while j <= other.len() {
        row[j] = j;
        j += 1;
    }
    let mut i = 0;
    while i < one.len() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        let mut j = 0;
        while j < other.len() {
            let changed = diagonal + (one[i] != other[j]) as usize;
            diagonal = row[j + 1];
            let moved = least(diagonal, row[j]) + 1;
            row[j + 1] = least(changed, moved);
            j += 1;
        }
        i += 1;
    }
    row[other.len()]
}

const fn least(one: usize, other: usize) -> usize {
    if one < other { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_slips() {
        for (one, other, slips) in [("", "", 0), ("topc", "topic", 1), ("sku", "skj", 1)] {
            assert_eq!(distance(one, other), slips);
        }
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("a", &"a".repeat(64)), usize::MAX);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let text = Text::new().and("a").and(&"ä".repeat(600)).and("b");
        assert_eq!(text.as_str(), "ab");
    }
}
