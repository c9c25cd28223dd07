/// The first byte of a text.
pub fn first(text: &str) -> u8 {
    unsafe { *text.as_bytes().get_unchecked(0) }
}

pub fn last(text: &str) -> u8 {
    *text.as_bytes().last().unwrap()
}
