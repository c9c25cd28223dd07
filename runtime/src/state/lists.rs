//! What the setters of lists take.

/// Anything that iterates over values of type `T`: what the setter of a list, a set or a map takes.
///
/// Implemented for every such type, and for nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of `{T}`",
    label = "a list goes here, also one of a single value: `[value]`"
)]
pub trait ListOf<T> {
    /// The values.
    fn into_values(self) -> impl Iterator<Item = T>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator> ListOf<I::Item> for I {
    fn into_values(self) -> impl Iterator<Item = I::Item> {
        self.into_iter()
    }
}

/// Anything that iterates over texts, such as `["one"]`: what the setter of a list or a set of
/// `String`s takes.
///
/// Implemented for every type that iterates over values that become a `String`, and for
/// nothing else. An empty list has to say what it is empty of: `Vec::<String>::new()`, or `[""; 0]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of texts",
    label = "a list goes here, also one of a single text: `[text]`"
)]
pub trait ListOfTexts {
    /// The texts.
    fn into_texts(self) -> impl Iterator<Item = String>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item: Into<String>>> ListOfTexts for I {
    fn into_texts(self) -> impl Iterator<Item = String> {
        self.into_iter().map(Into::into)
    }
}
