//! `#[derive(Route)]`: too small for folders of stages; it parses, checks and
//! expands here.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::{Data, DeriveInput, Path, parse_quote};

use crate::errors::{self, Errors};
use crate::silenced;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let mut input: DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(error) => return unread(item).unwrap_or_else(|| error.to_compile_error()),
    };
    let krate = match check(&input) {
        Ok(krate) => krate,
        // A lifetime cannot be made to fit; anything else can pass for a route.
        Err(error) if input.generics.lifetimes().next().is_some() => {
            return error.to_compile_error();
        }
        Err(error) => {
            return errors::beside(&error, &expand(&mut input, &parse_quote!(::superstep)));
        }
    };
    expand(&mut input, &krate)
}

/// What an editor shows while a variant is being typed: rustc's parser has reported that, and
/// the enum stays a route.
fn unread(item: TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let body = tokens.last_mut()?;
    *body = Group::new(Delimiter::Brace, TokenStream::new()).into();
    let mut input: DeriveInput = syn::parse2(tokens.into_iter().collect()).ok()?;
    let krate = check(&input).ok()?;
    Some(expand(&mut input, &krate))
}

fn check(input: &DeriveInput) -> syn::Result<Path> {
    let mut errors = Errors::new();
    let krate = errors.keep(crate::state::krate(&input.attrs));
    no_options(&input.data, &mut errors);
    let not_an_enum = match &input.data {
        Data::Enum(_) => None,
        Data::Struct(data) => Some((data.struct_token.span, "a struct")),
        Data::Union(data) => Some((data.union_token.span, "a union")),
    };
    if let Some((span, what)) = not_an_enum {
        errors.at(
            span,
            format!(
                "a route is an enum, and this is {what}\n\
                 help: write `enum {} {{ … }}` with one variant for each way to go on",
                input.ident
            ),
        );
    }
    for lifetime in input.generics.lifetimes() {
        errors.at(
            lifetime.lifetime.span(),
            "a route owns its data: it outlives the node that returned it\n\
             help: remove the lifetime and own the data, e.g. `String` for `&str`",
        );
    }
    errors.finish()?;
    Ok(krate.unwrap_or_else(|| parse_quote!(::superstep)))
}

fn no_options(data: &Data, errors: &mut Errors) {
    let Data::Enum(data) = data else { return };
    let help = "write `#[superstep(crate = path)]` above the enum";
    for variant in &data.variants {
        crate::state::no_options(&variant.attrs, "a variant", help, errors);
        for field in &variant.fields {
            crate::state::no_options(&field.attrs, "a field", help, errors);
        }
    }
}

fn expand(input: &mut DeriveInput, krate: &Path) -> TokenStream {
    if input.generics.type_params().next().is_some() {
        let clause = input.generics.make_where_clause();
        clause
            .predicates
            .push(parse_quote!(Self: ::core::marker::Send + 'static));
    }
    let ident = &input.ident;
    let silenced = silenced::of(&input.attrs);
    let rt = quote!(#krate::__private);
    let (impl_generics, ty_generics, clause) = input.generics.split_for_impl();
    let mut over_states = input.generics.clone();
    over_states.params.push(parse_quote!(__S));
    let (over_states, _, _) = over_states.split_for_impl();
    quote! {
        #silenced
        #[automatically_derived]
        impl #impl_generics #rt::Route for #ident #ty_generics #clause {
            type Itself = Self;
        }
        #silenced
        #[automatically_derived]
        impl #over_states #rt::IntoOutcome<__S> for #ident #ty_generics #clause {
            type Route = Self;
            type Error = ::core::convert::Infallible;
            fn into_outcome(
                self,
            ) -> ::core::result::Result<(::core::option::Option<__S::Update>, Self), Self::Error>
            where
                __S: #rt::State,
            {
                ::core::result::Result::Ok((::core::option::Option::None, self))
            }
        }
    }
}
