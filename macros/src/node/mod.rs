use proc_macro2::TokenStream;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let _ = options;
    item
}
