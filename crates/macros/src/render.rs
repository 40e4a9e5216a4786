//! From the model to code: the block itself, and beside it the description of the hub.
//!
//! What only the compiler can know (which parameters clients send) is checked by constants whose evaluation fails with our words.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, spanned::Spanned};

use crate::{
    model::{Callback, Completion, Event, Function, Hub, Method, Name, Outgoing, Output, Parameter},
    parse::Mistakes,
};

/// The errors, and the block as far as it is the user's.
pub(crate) fn mistakes(mistakes: Mistakes) -> TokenStream {
    let (errors, rest) = (mistakes.error.into_compile_error(), mistakes.rest);
    quote!(#errors #rest)
}

/// The block and the implementation of `Hub`.
pub(crate) fn hub(hub: &Hub) -> TokenStream {
    let block = &hub.block;
    let kind = &block.self_ty;
    let (generics, _, conditions) = hub.generics().split_for_impl();
    let block_conditions = block.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let name = name(&hub.name);
    let outgoing = match hub.outgoing {
        Outgoing::Protected => quote!(Protected),
        Outgoing::Open => quote!(Open),
    };
    let requirements = hub.requirements.iter().map(|requirement| {
        let requirement = requirement.render();
        quote!(__descriptor.authorize(#requirement);)
    });
    let methods = hub.methods.iter().map(method);
    let callbacks = hub.callbacks.iter().map(callback);
    let rejoining_groups = hub.rejoining_groups.iter().map(rejoining_groups);
    let checks = checks(hub);
    // A constant of its own can name neither the block's type parameters nor `Self`.
    let (inside, outside) =
        if hub.generics().params.is_empty() { (Vec::new(), checks) } else { (checks, Vec::new()) };
    quote! {
        #block

        #(#block_conditions)*
        const _: () = {
            #(const _: () = #outside;)*

            #[automatically_derived]
            impl #generics ::heliostat::Hub for #kind #conditions {
                fn describe(self: ::std::sync::Arc<Self>) -> ::heliostat::macro_support::HubDescriptor {
                    #(const { #inside })*
                    let mut __descriptor = ::heliostat::macro_support::HubDescriptor::new(
                        #name,
                        ::heliostat::macro_support::Outgoing::#outgoing,
                    );
                    #(#requirements)*
                    #(#methods)*
                    #(#callbacks)*
                    #(#rejoining_groups)*
                    __descriptor
                }
            }
        };
    }
}

fn name(name: &Name) -> TokenStream {
    match name {
        Name::Implicit(text) => quote!(::heliostat::macro_support::Name::Implicit(#text)),
        Name::Explicit(text) => quote!(::heliostat::macro_support::Name::Explicit(#text)),
    }
}

fn method(method: &Method) -> TokenStream {
    let Function { conditions, parameters, .. } = &method.function;
    let name = name(&method.name);
    let (constructor, handler) = match method.function.completion {
        Completion::AtOnce => ("at_once", immediate_handler(&method.function)),
        Completion::Awaited => ("new", handler(&method.function, Finish::Answer)),
    };
    let constructor = Ident::new(constructor, at(method.function.ident.span()));
    let requirements = method.requirements.iter().map(|requirement| requirement.render());
    let parameters = parameters.iter().map(|Parameter { name, kind }| {
        quote_spanned!(at(kind.span())=> ::heliostat::macro_support::parameter::<_, #kind>(#name))
    });
    let described = quote_spanned! {at(method.function.ident.span())=>
        ::heliostat::macro_support::MethodDescriptor::#constructor(#name, ::std::vec![#(#parameters),*], #handler)
    };
    quote!(#(#conditions)* __descriptor.method(#described #(.authorize(#requirements))*);)
}

fn callback(callback: &Callback) -> TokenStream {
    let conditions = &callback.function.conditions;
    let event = format_ident!("{}", callback.event.name());
    let handler = handler(&callback.function, Finish::Done);
    quote!(#(#conditions)* __descriptor.#event(#handler);)
}

fn rejoining_groups(function: &Function) -> TokenStream {
    let Function { ident, conditions, .. } = function;
    quote! {
        #(#conditions)*
        __descriptor.rejoining_groups({
            let __hub = ::std::sync::Arc::clone(&self);
            move |__request, __groups| Self::#ident(&__hub, __request, __groups)
        });
    }
}

/// The user's place for errors, with names that mean what they mean here, even if the block comes out of another macro.
fn at(place: Span) -> Span {
    Span::call_site().located_at(place)
}

/// What becomes of the method's output.
#[derive(Clone, Copy)]
enum Finish {
    /// It is the call's result.
    Answer,
    /// It only says whether the callback succeeded.
    Done,
}

/// A closure that binds the parameters and calls the method, in a future.
fn handler(function: &Function, finish: Finish) -> TokenStream {
    let body = body(function, finish, &quote!(&__invocation));
    quote_spanned! {at(function.ident.span())=> {
        let __hub = ::std::sync::Arc::clone(&self);
        move |__invocation: ::heliostat::Invocation| {
            let __hub = ::std::sync::Arc::clone(&__hub);
            async move { #body }
        }
    }}
}

/// The same for a method that does not wait: no future, and the hub is only borrowed.
fn immediate_handler(function: &Function) -> TokenStream {
    let body = body(function, Finish::Answer, &quote!(__invocation));
    quote_spanned! {at(function.ident.span())=> {
        let __hub = ::std::sync::Arc::clone(&self);
        move |__invocation: &::heliostat::Invocation| -> ::std::result::Result<::heliostat::Answer, ::heliostat::Failure> {
            #body
        }
    }}
}

/// Binds the parameters and calls the method. `invocation` is a reference.
fn body(function: &Function, finish: Finish, invocation: &TokenStream) -> TokenStream {
    let Function { ident, parameters, completion, output, output_span, .. } = function;
    let names: Vec<_> = (0..parameters.len()).map(|index| format_ident!("__argument_{index}")).collect();
    let bound = parameters.iter().map(|Parameter { name, kind }| {
        quote_spanned!(at(kind.span())=> ::heliostat::macro_support::next::<_, #kind>(&mut __binder, #name)?)
    });
    let wait = match completion {
        Completion::AtOnce => quote!(),
        Completion::Awaited => quote!(.await),
    };
    let convert = match (finish, output) {
        (Finish::Answer, Output::Value) => "answer",
        (Finish::Answer, Output::Result) => "answer_result",
        (Finish::Done, Output::Value) => "done",
        (Finish::Done, Output::Result) => "done_result",
    };
    let convert = Ident::new(convert, at(*output_span));
    let convert = quote_spanned!(at(*output_span)=> ::heliostat::macro_support::#convert);
    let binder = match parameters.as_slice() {
        [] => quote!(),
        _ => quote!(let mut __binder = ::heliostat::macro_support::bind(#invocation);),
    };
    // The method's own span makes "the future is not `Send`" point at the method.
    let call = quote_spanned!(at(ident.span())=> Self::#ident(&__hub, #(#names),*)#wait);
    let call = match (finish, output) {
        (Finish::Answer, Output::Result) => quote_spanned!(at(*output_span)=> #convert(#invocation, #call)),
        (Finish::Answer, Output::Value) | (Finish::Done, _) => {
            quote_spanned!(at(*output_span)=> #convert(#call))
        }
    };
    quote_spanned! {at(ident.span())=>
        #binder
        #(let #names = #bound;)*
        #call
    }
}

/// Expressions that do not evaluate if the hub makes no sense.
fn checks(hub: &Hub) -> Vec<TokenStream> {
    let of_methods = hub.methods.iter().flat_map(|method| scope_checks(&method.function, Place::Method));
    let of_callbacks = hub
        .callbacks
        .iter()
        .flat_map(|callback| scope_checks(&callback.function, Place::Callback(callback.event)));
    of_methods.chain(of_callbacks).chain(overload_checks(&hub.methods)).collect()
}

#[derive(Clone, Copy)]
enum Place {
    Method,
    Callback(Event),
}

/// Every parameter makes sense where it stands.
fn scope_checks(function: &Function, place: Place) -> impl Iterator<Item = TokenStream> {
    function.parameters.iter().map(move |Parameter { name, kind }| {
        let (constant, message) = match place {
            Place::Method => ("Method", format!("`{name}` is known in the `#[disconnected]` method only; remove the parameter")),
            Place::Callback(event) => (
                if event == Event::Disconnected { "Disconnected" } else { "Callback" },
                format!(
                    "`{name}` cannot be a parameter of a `#[{}]` method: no client waits for an answer there, \
                     and none has sent arguments, state or a wish for progress; remove the parameter",
                    event.name()
                ),
            ),
        };
        let place = format_ident!("{constant}");
        let check = quote_spanned! {at(kind.span())=>
            ::std::assert!(::heliostat::macro_support::fits::<_, #kind>(::heliostat::macro_support::Place::#place), #message)
        };
        under(&function.conditions, &[], &check)
    })
}

/// Overloads of one name differ in how many arguments clients send.
fn overload_checks(methods: &[Method]) -> Vec<TokenStream> {
    let mut checks = Vec::new();
    for (index, second) in methods.iter().enumerate() {
        let same = |first: &&Method| first.name.text().to_lowercase() == second.name.text().to_lowercase();
        for first in methods.iter().take(index).filter(same) {
            let message = format!(
                "two methods are called `{}` and take equally many arguments from clients, so no call could choose between \
                 them; give one another name with `#[method(name = \"…\")]`",
                second.name.text()
            );
            let (ours, theirs) = (sent(&second.function), sent(&first.function));
            let check =
                quote_spanned!(at(second.function.ident.span())=> ::std::assert!(#ours != #theirs, #message));
            checks.push(under(&first.function.conditions, &second.function.conditions, &check));
        }
    }
    checks
}

fn sent(function: &Function) -> TokenStream {
    let kinds = function.parameters.iter().map(|parameter| &parameter.kind);
    quote!((0usize #(+ ::heliostat::macro_support::is_sent::<_, #kinds>())*))
}

/// A check that is made only if the methods exist.
fn under(first: &[Attribute], second: &[Attribute], check: &TokenStream) -> TokenStream {
    if first.is_empty() && second.is_empty() {
        return check.clone();
    }
    quote!({ #(#first)* #(#second)* { #check } })
}
