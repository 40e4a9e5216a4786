//! `#[hub_proxy]`: a trait whose methods are calls of a hub, made by its clients.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, ItemTrait, ReceiverKind, ReturnType, TraitItem, TraitItemFn, Type, parse2};

use crate::hub_client::{joined, names_of, note};
use crate::{names::camel_case, parse::method_name};

/// The trait, whose futures can be sent to other threads, and its implementation for proxies.
pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let Ok(mut item) = parse2::<ItemTrait>(item.clone()) else {
        let message = "`#[hub_proxy]` belongs to a trait: `#[hub_proxy] trait Chat { … }`";
        return joined(&syn::Error::new_spanned(&item, message), &item);
    };
    match implement(arguments, &mut item) {
        Ok(implementation) => quote!(#item #implementation),
        Err(error) => joined(&error, &item),
    }
}

fn implement(arguments: &TokenStream, item: &mut ItemTrait) -> syn::Result<TokenStream> {
    let mut error = None;
    if !arguments.is_empty() {
        note(&mut error, syn::Error::new_spanned(arguments, "`#[hub_proxy]` takes no arguments"));
    }
    if !item.generics.params.is_empty() {
        let message = "a hub's trait has no type parameters; write one trait per hub";
        note(&mut error, syn::Error::new_spanned(&item.generics, message));
    }
    let mut methods = Vec::new();
    for member in &mut item.items {
        match member {
            TraitItem::Fn(function) => match method(function) {
                Ok(rendered) => methods.extend(rendered),
                Err(mistake) => note(&mut error, mistake),
            },
            other => {
                note(
                    &mut error,
                    syn::Error::new_spanned(other, "a hub's trait has methods and nothing else"),
                );
            }
        }
    }
    if let Some(error) = error {
        return Err(error);
    }
    let name = &item.ident;
    let conditions = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(quote! {
        #(#conditions)*
        #[automatically_derived]
        impl #name for ::heliostat_client::HubProxy { #(#methods)* }
    })
}

/// The implementation of one method; nothing for one that has a body. Its declaration promises a future that can be
/// sent to other threads.
fn method(function: &mut TraitItemFn) -> syn::Result<Option<TokenStream>> {
    let helpers: Vec<Attribute> =
        function.attrs.extract_if(.., |attribute| attribute.path().is_ident("method")).collect();
    if function.default.is_some() {
        return match helpers.first() {
            Some(helper) => Err(syn::Error::new_spanned(
                helper,
                "a method with a body is not a call of the hub; remove this",
            )),
            None => Ok(None),
        };
    }
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let message = "a call waits for its result; write `async fn`";
        return Err(syn::Error::new_spanned(signature.fn_token, message));
    }
    let is_shared =
        signature.receiver().is_some_and(|it| matches!(it.kind, ReceiverKind::Reference(_, _, None)));
    if !is_shared {
        return Err(syn::Error::new_spanned(&signature.ident, "calls of a hub take `&self`, its proxy"));
    }
    let ReturnType::Type(_, output) = &signature.output else {
        return Err(syn::Error::new_spanned(signature, CAN_FAIL));
    };
    if !is_result(output) {
        return Err(syn::Error::new_spanned(output, CAN_FAIL));
    }
    let arguments = names_of(function)?;
    let name = match helpers.first() {
        Some(helper) => method_name(helper)?.value(),
        None => camel_case(&function.sig.ident),
    };
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let implementation = quote! {
        #(#conditions)*
        #signature {
            self.invoke(#name, (#(&#arguments,)*)).await
        }
    };
    let output = output.clone();
    function.sig.asyncness = None;
    function.sig.output =
        syn::parse_quote!(-> impl ::core::future::Future<Output = #output> + ::core::marker::Send);
    Ok(Some(implementation))
}

const CAN_FAIL: &str = "a call can fail; write `-> Result<…, heliostat_client::InvokeError>`";

fn is_result(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Result"))
}
