//! What a function must be to be a node, one `check_*` for each rule.

use quote::ToTokens;
use syn::{Error, FnArg, PatType, ReturnType, Safety, Type, TypeReference};

use super::model::{Function, peel};
use super::options::Options;
use super::owned::what_is_borrowed;
use crate::errors::Errors;
use crate::text;

pub(super) fn signature(function: &Function, options: &Options, errors: &mut Errors) {
    check_qualifiers(function, errors);
    if check_free(function, errors) {
        check_state(function, errors);
        check_parameters(function, errors);
    }
    check_output(function, errors);
    check_blocking(function, options, errors);
}

/// A node is an ordinary function; that it could also run at compile time is no harm.
fn check_qualifiers(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    let mut refuse = |word: &dyn ToTokens, what: &str| {
        let message = format!(
            "a node cannot be {what}: the runtime calls it like any function\nhelp: remove the word"
        );
        errors.push(Error::new_spanned(word.to_token_stream(), message));
    };
    if let Safety::Unsafe(word) = &sig.safety {
        refuse(word, "`unsafe`");
    }
    if let Some(abi) = &sig.abi {
        refuse(abi, "`extern`");
    }
    if let Some(dots) = &sig.variadic {
        refuse(&dots.dots, "variadic");
    }
}

/// Nodes are free functions.
fn check_free(function: &Function, errors: &mut Errors) -> bool {
    if let Some(receiver) = function.sig.receiver() {
        let message = "`#[node]` goes on a free function, not on a method\n\
            help: move it out of the `impl`, take the state as `&S` first and what `self` held as `&T`";
        errors.push(Error::new_spanned(receiver.self_token, message));
        return false;
    }
    true
}

/// The state comes first, and shared.
fn check_state(function: &Function, errors: &mut Errors) {
    let name = &function.sig.ident;
    let Some(FnArg::Typed(first)) = function.sig.inputs.first() else {
        let message = format!(
            "a node takes the state first\nhelp: write `fn {name}(state: &S)` with `S` the graph's state"
        );
        return errors.at(name.span(), message);
    };
    let ty = peel(&first.ty);
    let message = match ty {
        _ if function.begins_with_context() => {
            "the state comes first, then the context\nhelp: move this parameter after the state"
        }
        Type::Reference(TypeReference {
            mutability: Some(_),
            ..
        }) => {
            "a node reads the state; it changes it by returning an update\n\
             help: take `&S` and return `S::update().field(value)`"
        }
        Type::Reference(reference) => return check_borrow(reference, errors),
        _ => {
            "the first parameter is the state, by reference\n\
             help: write `&S` here; a task's input comes after the state"
        }
    };
    errors.push(Error::new_spanned(&first.ty, message));
}

/// After the state: `&T` for what the graph provides, at most one `T` for the input.
fn check_parameters(function: &Function, errors: &mut Errors) {
    let mut input: Option<&PatType> = None;
    for (position, arg) in function.sig.inputs.iter().enumerate() {
        let FnArg::Typed(arg) = arg else { continue };
        check_attributes(arg, errors);
        if position == 0 {
            continue;
        }
        match peel(&arg.ty) {
            Type::Reference(reference) => check_dependency(reference, errors),
            ty if input.is_some() => {
                let written = text::joined(ty);
                let message = format!(
                    "a task has one input, and this is the second by-value parameter\n\
                     help: make one struct of the two, or take a dependency by reference: `&{written}`"
                );
                errors.push(Error::new_spanned(ty, message));
            }
            ty => {
                input = Some(arg);
                check_owned(ty, "a task's input", errors);
            }
        }
    }
}

/// A parameter that depends on `cfg` would change what the node is.
fn check_attributes(arg: &PatType, errors: &mut Errors) {
    for attr in &arg.attrs {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            let message = "a node's parameter cannot depend on `cfg`\n\
                help: write the node twice, each under a `#[cfg(…)]` of its own";
            errors.push(Error::new_spanned(attr, message));
        }
    }
}

fn check_dependency(reference: &TypeReference, errors: &mut Errors) {
    if let Some(word) = &reference.mutability {
        let message = "a node's dependencies are shared between tasks\n\
            help: take `&T`; put a `Mutex` into `T` if it must change";
        errors.push(Error::new_spanned(word, message));
    }
    check_borrow(reference, errors);
}

/// `&T` for the time of the call, whatever that is called, where `T` borrows nothing.
fn check_borrow(reference: &TypeReference, errors: &mut Errors) {
    if let Some(lifetime) = &reference.lifetime
        && lifetime.ident == "static"
    {
        let message = "a node borrows for the time of the call only\n\
            help: take the lifetime away: `&T`";
        errors.push(Error::new_spanned(lifetime, message));
    }
    check_owned(&reference.elem, "what a node takes by reference", errors);
}

/// What a node returns outlives the call.
fn check_output(function: &Function, errors: &mut Errors) {
    if let ReturnType::Type(_, ty) = &function.sig.output {
        check_owned(ty, "what a node returns", errors);
    }
}

fn check_owned(ty: &Type, what: &str, errors: &mut Errors) {
    if let Some((span, fault)) = what_is_borrowed(ty) {
        errors.at(span, fault.message(what));
    }
}

/// The blocking pool runs functions; what awaits belongs on the async runtime.
fn check_blocking(function: &Function, options: &Options, errors: &mut Errors) {
    if let (Some(option), Some(_)) = (options.blocking, function.sig.asyncness) {
        let message = "`blocking` is for functions that are not `async`\n\
            help: take `async` away, or keep it and call `spawn_blocking` where the work blocks";
        errors.at(option, message);
    }
}
