//! What a function must be to be a node, one `check_*` for each rule.

use quote::ToTokens;
use syn::{Error, FnArg, PatType, ReturnType, Safety, Type, TypeReference};

use super::model::{Faults, Function, names, peel};
use super::options::Options;
use super::output;
use super::owned::what_is_borrowed;
use crate::errors::Errors;
use crate::text;

pub(super) fn signature(function: &Function, options: &Options, errors: &mut Errors) -> Faults {
    check_qualifiers(function, errors);
    let faults = faults(function, errors);
    check_blocking(function, options, errors);
    faults
}

/// What of the signature is not as it must be.
pub(super) fn faults(function: &Function, errors: &mut Errors) -> Faults {
    let mut faults = Faults::default();
    if check_free(function, errors) {
        faults.state = errors.more(|errors| check_state(function, errors));
        faults.parameters = errors.more(|errors| check_parameters(function, errors));
    }
    faults.output = errors.more(|errors| check_output(function, errors));
    faults
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
    let state = function.state_by_output();
    let state = state.as_deref().unwrap_or("S");
    let Some(FnArg::Typed(first)) = function.sig.inputs.first() else {
        let message = format!(
            "a node takes the state first\nhelp: write `fn {}(state: &{state})`{}",
            function.sig.ident,
            if state == "S" {
                " with `S` the graph's state"
            } else {
                ""
            },
        );
        return errors.at(function.sig.ident.span(), message);
    };
    let message = match peel(&first.ty) {
        _ if function.begins_with_context() => {
            "the state comes first, then the context\nhelp: move this parameter after the state"
                .into()
        }
        _ if function.has_state_behind() => {
            format!("the state comes first\nhelp: move this parameter after the state, `&{state}`")
        }
        Type::Reference(TypeReference {
            mutability: Some(_),
            ..
        }) => format!(
            "a node reads the state; it changes it by returning an update\n\
             help: take `&{state}` and return `{state}::update().field(value)`"
        ),
        Type::Reference(reference) => return check_borrow(reference, errors),
        _ => format!(
            "the first parameter is the state, by reference\n\
             help: write `&{state}` here; a task's input comes after the state"
        ),
    };
    errors.push(Error::new_spanned(&first.ty, message));
}

/// After the state: `&T` for what the graph provides, at most one `T` for the input.
fn check_parameters(function: &Function, errors: &mut Errors) {
    let mut inputs: Vec<&Type> = Vec::new();
    for (position, arg) in function.sig.inputs.iter().enumerate() {
        let FnArg::Typed(arg) = arg else { continue };
        check_attributes(arg, errors);
        if position == 0 {
            continue;
        }
        match peel(&arg.ty) {
            Type::Reference(reference) => check_dependency(reference, errors),
            ty => inputs.push(ty),
        }
    }
    match inputs.as_slice() {
        [] => {}
        [input] => check_owned(input, "a task's input", errors),
        several => several_inputs(several, errors),
    }
}

fn several_inputs(inputs: &[&Type], errors: &mut Errors) {
    if let Some(context) = inputs.iter().find(|ty| names(ty, "Cx")) {
        let written = text::joined(context);
        let message =
            format!("the context is lent to a node\nhelp: take it by reference: `&{written}`");
        return errors.push(Error::new_spanned(context, message));
    }
    for ty in inputs.iter().skip(1) {
        let written = text::joined(ty);
        let message = format!(
            "a task has one input, and this is the second by-value parameter\n\
             help: make one struct of the two, or take a dependency by reference: `&{written}`"
        );
        errors.push(Error::new_spanned(ty, message));
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
    let ReturnType::Type(_, ty) = &function.sig.output else {
        return;
    };
    if let Some(future) = output::future(ty) {
        let message = format!(
            "a node that awaits is an `async fn`\nhelp: write `async fn {}(…) -> {}`",
            function.sig.ident,
            text::joined(future),
        );
        return errors.push(Error::new_spanned(ty, message));
    }
    if let Some(error) = output::unshared_error(ty) {
        let message = format!(
            "a node's error goes from thread to thread\n\
             help: write `{}`, or return `NodeError`",
            output::shared(error),
        );
        return errors.push(Error::new_spanned(error, message));
    }
    check_owned(ty, "what a node returns", errors);
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
