//! Did you mean?

/// The one of `words` that `typed` is nearest to, if any is near at all.
pub(crate) fn nearest<'a>(typed: &str, words: &[&'a str]) -> Option<&'a str> {
    let near = 1 + typed.len() / 3;
    words
        .iter()
        .map(|word| (distance(typed, word), *word))
        .min()
        .filter(|(distance, _)| *distance <= near)
        .map(|(_, word)| word)
}

/// How many letters have to be inserted, removed or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let words = ["append", "sum", "union"];
        assert_eq!(nearest("apend", &words), Some("append"));
        assert_eq!(nearest("sun", &words), Some("sum"));
        assert_eq!(nearest("concatenate", &words), None);
    }
}
