use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A number of a JSON text, exactly: no float lies between it and a comparison.
///
/// Its absolute value is `0.digits` times ten to the power of `point`.
#[derive(Debug)]
pub(super) struct Number<'a> {
    text: &'a str,
    negative: bool,
    point: i64,
    /// Neither begins nor ends with a zero; empty for 0.
    digits: String,
}

impl<'a> Number<'a> {
    /// The number of a valid JSON number. One that no float can hold is refused,
    /// since no decoder reads it.
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        if !text.parse().is_ok_and(f64::is_finite) {
            return Err("a number is too large".into());
        }
        let (negative, absolute) = match text.strip_prefix('-') {
            Some(absolute) => (true, absolute),
            None => (false, text),
        };
        let (mantissa, exponent) = absolute.split_once(['e', 'E']).unwrap_or((absolute, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = format!("{whole}{fraction}");
        let significant = written.trim_start_matches('0');
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Ok(Self {
                text,
                negative: false,
                point: i64::MIN,
                digits,
            });
        }
        let leading = written.len() - significant.len();
        // It is finite: an exponent that is too long to be read is a negative one.
        let exponent = exponent.parse().unwrap_or(i64::MIN);
        let point = exponent.saturating_add(whole.len() as i64 - leading as i64);
        Ok(Self {
            text,
            negative,
            point,
            digits,
        })
    }

    /// The number as it was written.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn is_integral(&self) -> bool {
        self.digits.is_empty() || self.point >= self.digits.len() as i64
    }

    /// The number, if it is one that counts something.
    pub(super) fn count(&self) -> Option<usize> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.point)
            .ok()?
            .checked_sub(self.digits.len())?;
        if self.negative || zeros > 20 {
            return None;
        }
        format!("{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }

    /// Whether the number is a whole multiple of `divisor`; `None` if that is no number
    /// to divide by.
    pub(super) fn is_multiple_of(&self, divisor: &Self) -> Option<bool> {
        let by: u128 = divisor
            .digits
            .parse()
            .ok()
            .filter(|by| *by < u128::MAX / 16)?;
        // Both are integers times a power of ten. One that ends in a smaller power
        // leaves a remainder, since its last digit is not 0.
        let zeros = self.last_place().saturating_sub(divisor.last_place());
        if self.digits.is_empty() || zeros < 0 {
            return Some(self.digits.is_empty());
        }
        let digits = self.digits.bytes().map(|digit| u128::from(digit - b'0'));
        let mut rest = digits.fold(0, |rest, digit| (rest * 10 + digit) % by);
        for _ in 0..zeros {
            if rest == 0 {
                break;
            }
            rest = rest * 10 % by;
        }
        Some(rest == 0)
    }

    /// The power of ten that the last digit stands for.
    const fn last_place(&self) -> i64 {
        self.point.saturating_sub(self.digits.len() as i64)
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Fractions without zeros at either end are ordered as their digits are.
        let absolute = || (self.point, &self.digits).cmp(&(other.point, &other.digits));
        match (self.negative, other.negative) {
            (false, false) => absolute(),
            (true, true) => absolute().reverse(),
            (negative, _) if negative => Ordering::Less,
            _ => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number<'_> {}

impl Hash for Number<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.negative, self.point, &self.digits).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::read(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_exactly() {
        let ascending = [
            "-1e300",
            "-18446744073709551616",
            "-18446744073709551615",
            "-1.5",
            "-1",
            "-1e-300",
            "0",
            "1e-999999999999999999999",
            "1e-300",
            "0.1",
            "0.10000000000000000001",
            "0.11",
            "1",
            "1.5",
            "2",
            "9",
            "10",
            "11",
            "18446744073709551615",
            "18446744073709551616",
            "340282366920938463463374607431768211455",
            "1e300",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (beside, other) in ascending.iter().enumerate() {
                assert_eq!(
                    number(one).cmp(&number(other)),
                    at.cmp(&beside),
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn one_number_has_many_texts() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("100", "1.00E+2"),
            ("0.001", "1e-3"),
            ("0", "-0.0"),
            ("0", "0e999999999999999999999"),
            ("12.5", "0.125e2"),
        ] {
            assert_eq!(number(one), number(other));
        }
    }

    #[test]
    fn what_no_float_holds_is_no_number() {
        for text in ["1e400", "-1e400", "1e99999999999999999999999"] {
            assert!(Number::read(text).is_err(), "{text}");
        }
        assert!(Number::read(&"9".repeat(400)).is_err());
    }

    #[test]
    fn multiples_are_exact() {
        for (one, other, expected) in [
            ("10", "5", Some(true)),
            ("11", "5", Some(false)),
            ("0.3", "0.1", Some(true)),
            ("0.35", "0.1", Some(false)),
            ("1e300", "7", Some(false)),
            ("1e300", "8", Some(true)),
            ("1e-300", "7", Some(false)),
            ("0", "7", Some(true)),
            ("7", "0", None),
            ("1", "1e-300", Some(true)),
            ("-9", "3", Some(true)),
            ("3", "1.5", Some(true)),
            ("1e-999999999999999999999", "3", Some(false)),
        ] {
            assert_eq!(
                number(one).is_multiple_of(&number(other)),
                expected,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        for (text, expected) in [
            ("0", Some(0)),
            ("2.0", Some(2)),
            ("1e3", Some(1000)),
            ("1.5", None),
            ("-1", None),
            ("1e300", None),
            ("0.5", None),
        ] {
            assert_eq!(number(text).count(), expected, "{text}");
        }
    }
}
