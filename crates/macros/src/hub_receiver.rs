//! `#[hub_client]` of the client: a trait whose methods the server calls.
//!
//! It is meant for the same trait that the server's attribute of that name is for. Each keeps its hands off what the
//! other needs, so that both can stand on one trait, in either order.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, FnArg, GenericParam, ItemTrait, ReceiverKind, TraitItem, TraitItemFn, Type, parse_quote,
    parse2,
};

use crate::hub_client::{joined, names_of, note};
use crate::{names::camel_case, parse::method_name};

/// The trait with one method more, which registers all others.
pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let Ok(mut item) = parse2::<ItemTrait>(item.clone()) else {
        let message = "`#[hub_client]` belongs to a trait: `#[hub_client] trait ChatClient { … }`";
        return joined(&syn::Error::new_spanned(&item, message), &item);
    };
    match extend(arguments, &mut item) {
        Ok(()) => quote!(#item),
        Err(error) => joined(&error, &item),
    }
}

/// Whether another attribute for client traits comes after this one, and will look for our helper attributes.
pub(crate) fn another_follows(item: &ItemTrait) -> bool {
    item.attrs.iter().any(|attribute| {
        let tokens = attribute.meta.to_token_stream().to_string();
        !attribute.path().is_ident("doc") && tokens.contains("hub_client")
    })
}

fn extend(arguments: &TokenStream, item: &mut ItemTrait) -> syn::Result<()> {
    let mut error = None;
    if !arguments.is_empty() {
        note(&mut error, syn::Error::new_spanned(arguments, "`#[hub_client]` takes no arguments"));
    }
    if !item.generics.params.is_empty() {
        let message = "a client trait has no type parameters; write one trait per kind of client";
        note(&mut error, syn::Error::new_spanned(&item.generics, message));
    }
    let keeps_helpers = another_follows(item);
    let mut registrations = Vec::new();
    for member in &mut item.items {
        match &*member {
            TraitItem::Fn(function) => match registration(function) {
                Ok(rendered) => registrations.extend(rendered),
                Err(mistake) => note(&mut error, mistake),
            },
            other => {
                let message = "a client trait has methods and nothing else";
                note(&mut error, syn::Error::new_spanned(other, message));
            }
        }
        if let (TraitItem::Fn(function), false) = (member, keeps_helpers) {
            function.attrs.retain(|attribute| !attribute.path().is_ident("method"));
        }
    }
    if let Some(error) = error {
        return Err(error);
    }
    item.items.push(parse_quote! {
        /// Registers all functions of this trait with a hub, before its connection starts.
        fn attach_to(
            self,
            hub: &::heliostat_client::HubProxy,
        ) -> ::std::vec::Vec<::heliostat_client::Subscription>
        where
            Self: ::core::marker::Sized + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            let handler = ::std::sync::Arc::new(self);
            ::std::vec![#(#registrations),*]
        }
    });
    Ok(())
}

/// How one function is registered; nothing for one that has a body.
fn registration(function: &TraitItemFn) -> syn::Result<Option<TokenStream>> {
    let helper = function.attrs.iter().find(|attribute| attribute.path().is_ident("method"));
    let signature = &function.sig;
    if function.default.is_some() {
        return match helper {
            Some(helper) => Err(syn::Error::new_spanned(
                helper,
                "a method with a body is not called by the server; remove this",
            )),
            None => Ok(None),
        };
    }
    if let Some(asyncness) = &signature.asyncness {
        let message = "the server's calls are handled one at a time and must not wait; remove `async`, or listen in a task";
        return Err(syn::Error::new_spanned(asyncness, message));
    }
    let is_shared =
        signature.receiver().is_some_and(|it| matches!(it.kind, ReceiverKind::Reference(_, _, None)));
    if !is_shared {
        let message = "functions of a client take `&self`; put what changes behind a `Mutex` or an atomic";
        return Err(syn::Error::new_spanned(&signature.ident, message));
    }
    if let Some(generic) =
        signature.generics.params.iter().find(|it| !matches!(it, GenericParam::Lifetime(_)))
    {
        let message = "the server cannot choose type parameters; use a concrete type";
        return Err(syn::Error::new_spanned(generic, message));
    }
    let names = names_of(function)?;
    let (mut types, mut passed) = (Vec::new(), Vec::new());
    for (input, name) in signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).zip(names) {
        let FnArg::Typed(input) = input else { continue };
        match input.ty.as_ref() {
            Type::Reference(reference) if reference.mutability.is_none() => {
                let target = &reference.elem;
                types.push(quote!(#name: <#target as ::std::borrow::ToOwned>::Owned));
                passed.push(quote!(&#name));
            }
            Type::ImplTrait(kind) => {
                return Err(syn::Error::new_spanned(
                    kind,
                    "the server cannot choose types; use a concrete one",
                ));
            }
            kind => {
                types.push(quote!(#name: #kind));
                passed.push(quote!(#name));
            }
        }
    }
    let name = match helper {
        Some(helper) => method_name(helper)?.value(),
        None => camel_case(&signature.ident),
    };
    let (ident, conditions) = (&signature.ident, conditions(&function.attrs));
    Ok(Some(quote! {
        #(#conditions)*
        {
            let handler = ::std::sync::Arc::clone(&handler);
            hub.on(#name, move |#(#types),*| handler.#ident(#(#passed),*))
        }
    }))
}

fn conditions(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
}
