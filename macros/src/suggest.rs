//! Did you mean?

/// Of a long word no more letters than this are a slip.
const LETTERS: usize = 3;

/// The one of `words` that `typed` is nearest to, if any is near at all.
pub(crate) fn nearest<'a>(typed: &str, words: &[&'a str]) -> Option<&'a str> {
    let most = (typed.len() / 3).clamp(1, LETTERS);
    let near = |word: &&'a str| {
        let most = most + usize::from(begin_alike(typed, word));
        Some((distance(typed, word, most)?, *word))
    };
    words.iter().filter_map(near).min().map(|(_, word)| word)
}

/// Whether the words differ in their endings, as `retries` from `retry`.
fn begin_alike(one: &str, other: &str) -> bool {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    same.count() > LETTERS
}

/// How many letters have to be inserted, removed or changed, or have changed places with the
/// next; nothing, if those are more than `most`.
fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let far = most + 1;
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![far; other.len() + 1];
        row[0] = i;
        // Elsewhere the lengths alone are too different.
        for j in i.saturating_sub(most).max(1)..=(i + most).min(other.len()) {
            let changed = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().all(|distance| *distance > most) {
            return None;
        }
        (before, last) = (last, row);
    }
    last.pop().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let words = ["append", "sum", "union"];
        assert_eq!(nearest("apend", &words), Some("append"));
        assert_eq!(nearest("sun", &words), Some("sum"));
        assert_eq!(nearest("smu", &words), Some("sum"));
        assert_eq!(nearest("retries", &["retry"]), Some("retry"));
        assert_eq!(nearest("concatenate", &words), None);
        assert_eq!(nearest("charge", &["merge"]), None);
        assert_eq!(nearest("", &words), None);
    }

    #[test]
    fn letters_are_counted() {
        for (one, other, letters) in [
            ("plan", "plan", 0),
            ("plan", "paln", 1),
            ("plan", "pla", 1),
            ("plan", "plant", 1),
            ("plan", "clan", 1),
            ("search", "serhc", 2),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(one, other, 3), Some(letters), "{one} {other}");
            assert_eq!(distance(other, one, 3), Some(letters), "{other} {one}");
        }
        assert_eq!(distance("search", "write", 3), None);
        assert_eq!(distance("a", "abcdef", 3), None);
    }
}
