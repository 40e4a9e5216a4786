//! `#[hub_client]`: a trait whose methods are calls to clients.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ItemTrait, Pat, ReceiverKind, ReturnType, TraitItem, TraitItemFn, parse2};

use crate::{hub_receiver::another_follows, names::camel_case, parse::method_name};

/// As many as `heliostat::Arguments` is implemented for.
const MOST_ARGUMENTS: usize = 12;

/// The trait, and its implementations for targets.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let Ok(mut item) = parse2::<ItemTrait>(item.clone()) else {
        let error = syn::Error::new_spanned(
            &item,
            "`#[hub_client]` belongs to a trait: `#[hub_client] trait ChatClient { … }`",
        );
        return joined(&error, &item);
    };
    let implementations = implement(&arguments, &mut item);
    match implementations {
        Ok(implementations) => quote!(#item #implementations),
        Err(error) => joined(&error, &item),
    }
}

/// The mistake, and the item as it is, so that nothing else is missed.
pub(crate) fn joined(error: &syn::Error, item: &impl quote::ToTokens) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}

fn implement(arguments: &TokenStream, item: &mut ItemTrait) -> syn::Result<TokenStream> {
    let mut error = None;
    if !arguments.is_empty() {
        note(&mut error, syn::Error::new_spanned(arguments, "`#[hub_client]` takes no arguments"));
    }
    if !item.generics.params.is_empty() {
        let message = "a client trait has no type parameters; write one trait per kind of client";
        note(&mut error, syn::Error::new_spanned(&item.generics, message));
    }
    let follows = another_follows(item);
    let mut methods = Vec::new();
    for member in &mut item.items {
        match &*member {
            TraitItem::Fn(function) => match method(function) {
                Ok(rendered) => methods.extend(rendered),
                Err(mistake) => note(&mut error, mistake),
            },
            other => {
                note(
                    &mut error,
                    syn::Error::new_spanned(other, "a client trait has methods and nothing else"),
                );
            }
        }
        if let (TraitItem::Fn(function), false) = (member, follows) {
            function.attrs.retain(|attribute| !attribute.path().is_ident("method"));
        }
    }
    if let Some(error) = error {
        return Err(error);
    }
    let name = &item.ident;
    let conditions: Vec<_> = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    Ok(quote! {
        #(#conditions)*
        #[automatically_derived]
        impl #name for ::heliostat::Target { #(#methods)* }

        #(#conditions)*
        #[automatically_derived]
        impl #name for ::heliostat::Caller { #(#methods)* }
    })
}

pub(crate) fn note(all: &mut Option<syn::Error>, error: syn::Error) {
    match all {
        Some(all) => all.combine(error),
        None => *all = Some(error),
    }
}

/// The implementation of one method; nothing for one that has a body.
fn method(function: &TraitItemFn) -> syn::Result<Option<TokenStream>> {
    let helper = function.attrs.iter().find(|attribute| attribute.path().is_ident("method"));
    if function.default.is_some() {
        return match helper {
            Some(helper) => Err(syn::Error::new_spanned(
                helper,
                "a method with a body is not a call to clients; remove this",
            )),
            None => Ok(None),
        };
    }
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return Err(syn::Error::new_spanned(asyncness, "calls to clients never wait; remove `async`"));
    }
    let shared =
        signature.receiver().is_some_and(|it| matches!(it.kind, ReceiverKind::Reference(_, _, None)));
    if !shared {
        return Err(syn::Error::new_spanned(&signature.ident, "calls to clients take `&self`, the target"));
    }
    if let ReturnType::Default = signature.output {
        let message = "a call to clients can fail; write `-> Result<(), heliostat::SendError>`";
        return Err(syn::Error::new_spanned(signature, message));
    }
    let arguments = names_of(function)?;
    let name = match helper {
        Some(helper) => method_name(helper)?.value(),
        None => camel_case(&signature.ident),
    };
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(Some(quote! {
        #(#conditions)*
        #signature {
            self.invoke(#name, (#(&#arguments,)*))
        }
    }))
}

pub(crate) fn names_of(function: &TraitItemFn) -> syn::Result<Vec<&syn::Ident>> {
    let mut names = Vec::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        match input.pat.as_ref() {
            Pat::Ident(pattern) => names.push(&pattern.ident),
            other => return Err(syn::Error::new_spanned(other, "give the parameter a name")),
        }
    }
    if names.len() > MOST_ARGUMENTS {
        let message = format!(
            "a call to clients has at most {MOST_ARGUMENTS} arguments; put some of them into a struct"
        );
        return Err(syn::Error::new_spanned(&function.sig.ident, message));
    }
    Ok(names)
}
