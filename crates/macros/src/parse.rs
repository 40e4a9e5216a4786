//! From the user's `impl` block to the model, or to errors that say what to do.
//!
//! All mistakes of a block are collected and reported at once. Whatever is not ours stays in the block, untouched.

use proc_macro2::TokenStream;
use syn::{
    Attribute, FnArg, GenericParam, ImplItem, ImplItemFn, ItemImpl, LitBool, LitStr, Meta, Pat, PatType,
    ReceiverKind, ReturnType, Signature, Type, TypeParamBound, meta::ParseNestedMeta, parse::Parser, parse2,
    spanned::Spanned,
};

use crate::{
    model::{Callback, Completion, Event, Function, Hub, Method, Name, Outgoing, Output, Parameter},
    names::{camel_case, unknown_key},
    requirement::Requirement,
};

const HUB_KEYS: [&str; 3] = ["authorize", "name", "require_outgoing"];
const METHOD_KEYS: [&str; 1] = ["name"];
const REJOINING_GROUPS: &str = "rejoining_groups";

/// What could not be understood, and the block without our attributes, so that nothing else is complained about.
pub(crate) struct Mistakes {
    pub(crate) error: syn::Error,
    pub(crate) rest: TokenStream,
}

/// Understands a hub.
pub(crate) fn hub(arguments: TokenStream, block: TokenStream) -> Result<Hub, Mistakes> {
    let block: ItemImpl = parse2(block.clone()).map_err(|_| Mistakes {
        error: syn::Error::new_spanned(
            &block,
            "`#[hub]` belongs to an `impl` block: `#[hub] impl ChatHub { … }`",
        ),
        rest: block,
    })?;
    let mut errors = Errors::default();
    let mut hub = Hub {
        name: Name::Implicit(errors.note(type_name(&block)).unwrap_or_default()),
        outgoing: Outgoing::Protected,
        requirements: Vec::new(),
        methods: Vec::new(),
        callbacks: Vec::new(),
        rejoining_groups: None,
        block,
    };
    let keys = syn::meta::parser(|key| hub_key(&mut hub, &key));
    errors.note(Parser::parse2(keys, arguments));
    let mut items = std::mem::take(&mut hub.block.items);
    for item in &mut items {
        if let ImplItem::Fn(item) = item {
            errors.note(function(&mut hub, item));
        }
    }
    hub.block.items = items;
    errors.note(misplaced(&mut hub.block));
    match errors.0 {
        None => Ok(hub),
        Some(error) => Err(Mistakes { error, rest: quote::ToTokens::into_token_stream(hub.block) }),
    }
}

#[derive(Default)]
struct Errors(Option<syn::Error>);

impl Errors {
    fn note<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        match (result, &mut self.0) {
            (Ok(value), _) => return Some(value),
            (Err(error), Some(all)) => all.combine(error),
            (Err(error), all @ None) => *all = Some(error),
        }
        None
    }
}

fn type_name(block: &ItemImpl) -> syn::Result<String> {
    if let Some((path, _)) = &block.trait_ {
        return Err(syn::Error::new_spanned(path, "`#[hub]` belongs to an `impl` block without a trait"));
    }
    match block.self_ty.as_ref() {
        Type::Path(path) => {
            path.path.segments.last().map(|segment| syn::ext::IdentExt::unraw(&segment.ident).to_string())
        }
        _ => None,
    }
    .ok_or_else(|| syn::Error::new_spanned(&block.self_ty, "a hub is a struct or an enum of your own"))
}

fn hub_key(hub: &mut Hub, key: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if key.path.is_ident("name") {
        hub.name = Name::Explicit(hub_name(key.value()?.parse()?)?);
    } else if key.path.is_ident("authorize") {
        hub.requirements.push(Requirement::from_key(key)?);
    } else if key.path.is_ident("require_outgoing") {
        let required: LitBool = key.value()?.parse()?;
        hub.outgoing = if required.value { Outgoing::Protected } else { Outgoing::Open };
    } else {
        return Err(unknown_key(&key.path, "hub", &HUB_KEYS));
    }
    Ok(())
}

fn hub_name(name: LitStr) -> syn::Result<LitStr> {
    match name.value() {
        text if text.is_empty() => {
            Err(syn::Error::new_spanned(name, "a hub's name has at least one character"))
        }
        text if text.contains('.') => {
            Err(syn::Error::new_spanned(name, "a hub's name has no dots: they separate hubs from groups"))
        }
        _ => Ok(name),
    }
}

/// One method of the block. Our attributes are taken off it even if something is wrong with them.
fn function(hub: &mut Hub, item: &mut ImplItemFn) -> syn::Result<()> {
    let helpers: Vec<Attribute> = item.attrs.extract_if(.., |attribute| is_helper(attribute)).collect();
    let conditions =
        item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    let roles = roles(&helpers)?;
    match roles.as_slice() {
        [] => {
            let function = understand(item, conditions, owned)?;
            let mut method = Method {
                name: Name::Implicit(camel_case(&item.sig.ident)),
                requirements: Vec::new(),
                function,
            };
            for helper in &helpers {
                method_attribute(&mut method, helper)?;
            }
            hub.methods.push(method);
            Ok(())
        }
        [(role, attribute)] => {
            if let Some(other) = helpers.iter().find(|helper| !std::ptr::eq(*helper, *attribute)) {
                let message = "a callback is not called by clients, so it has neither a name nor a rule of its own; remove this";
                return Err(syn::Error::new_spanned(other, message));
            }
            attribute.meta.require_path_only()?;
            callback(hub, *role, attribute, item, conditions)
        }
        [_, (_, second), ..] => Err(syn::Error::new_spanned(
            second,
            "a method is one callback; write a second method for the second one",
        )),
    }
}

#[derive(Clone, Copy)]
enum Role {
    Event(Event),
    RejoiningGroups,
}

fn roles(helpers: &[Attribute]) -> syn::Result<Vec<(Role, &Attribute)>> {
    let role = |attribute: &Attribute| {
        let event = Event::ALL.into_iter().find(|event| attribute.path().is_ident(event.name()));
        event
            .map(Role::Event)
            .or_else(|| attribute.path().is_ident(REJOINING_GROUPS).then_some(Role::RejoiningGroups))
    };
    Ok(helpers.iter().filter_map(|attribute| Some((role(attribute)?, attribute))).collect())
}

fn is_helper(attribute: &Attribute) -> bool {
    let path = attribute.path();
    ["method", "authorize", REJOINING_GROUPS].iter().any(|name| path.is_ident(name))
        || Event::ALL.iter().any(|event| path.is_ident(event.name()))
}

fn method_attribute(method: &mut Method, attribute: &Attribute) -> syn::Result<()> {
    if attribute.path().is_ident("authorize") {
        method.requirements.push(Requirement::from_attribute(&attribute.meta)?);
    } else {
        method.name = Name::Explicit(method_name(attribute)?);
    }
    Ok(())
}

/// `#[method(name = "…")]`, on methods of hubs and of client traits.
pub(crate) fn method_name(attribute: &Attribute) -> syn::Result<LitStr> {
    let mut name = None;
    if let Meta::List(_) = attribute.meta {
        attribute.parse_nested_meta(|key| {
            if !key.path.is_ident("name") {
                return Err(unknown_key(&key.path, "method", &METHOD_KEYS));
            }
            name = Some(key.value()?.parse::<LitStr>()?);
            Ok(())
        })?;
    }
    match name {
        Some(name) if !name.value().is_empty() => Ok(name),
        Some(name) => Err(syn::Error::new_spanned(name, "a method's name has at least one character")),
        None => Err(syn::Error::new_spanned(
            attribute,
            "`#[method]` gives a method another name: write `#[method(name = \"…\")]`, or remove it",
        )),
    }
}

fn callback(
    hub: &mut Hub,
    role: Role,
    attribute: &Attribute,
    item: &ImplItemFn,
    conditions: Vec<Attribute>,
) -> syn::Result<()> {
    let twice = |name: &str| {
        Err(syn::Error::new_spanned(
            attribute,
            format!("this hub has a `#[{name}]` method already; do both things in one"),
        ))
    };
    match role {
        Role::Event(event) => {
            let function = understand(item, conditions, owned)?;
            // Methods under different conditions may exclude one another; the compiler sees which remain.
            let other = hub
                .callbacks
                .iter()
                .any(|other| other.event == event && other.function.conditions.is_empty());
            if other && function.conditions.is_empty() {
                return twice(event.name());
            }
            hub.callbacks.push(Callback { event, function });
        }
        Role::RejoiningGroups => {
            let function = understand(item, conditions, any_type)?;
            let shape = matches!((function.completion, function.parameters.len()), (Completion::AtOnce, 2));
            if !shape {
                return Err(syn::Error::new_spanned(
                    &item.sig,
                    "write `fn name(&self, request: &Request, groups: Vec<GroupName>) -> Vec<GroupName>`",
                ));
            }
            if hub.rejoining_groups.replace(function).is_some() {
                return twice(REJOINING_GROUPS);
            }
        }
    }
    Ok(())
}

fn understand(
    item: &ImplItemFn,
    conditions: Vec<Attribute>,
    check: fn(&Type) -> syn::Result<()>,
) -> syn::Result<Function> {
    let signature = &item.sig;
    let mut errors = Errors::default();
    errors.note(receiver(signature));
    errors.note(generics(signature));
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        if let FnArg::Typed(input) = input {
            errors.note(check(&input.ty));
            parameters.push(parameter(input, parameters.len()));
        }
    }
    if let Some(error) = errors.0 {
        return Err(error);
    }
    let (completion, output) = returned(signature);
    let output_span = match &signature.output {
        ReturnType::Type(_, kind) => kind.span(),
        ReturnType::Default => signature.ident.span(),
    };
    Ok(Function { ident: signature.ident.clone(), conditions, parameters, completion, output, output_span })
}

fn receiver(signature: &Signature) -> syn::Result<()> {
    let Some(receiver) = signature.receiver() else {
        let message = "clients call methods of the hub, which take `&self`; put functions without it into another `impl` block";
        return Err(syn::Error::new_spanned(&signature.ident, message));
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => Ok(()),
        ReceiverKind::Reference(_, _, Some(_)) => Err(syn::Error::new_spanned(
            receiver,
            "one hub serves all calls at the same time, so methods take `&self`; put what changes behind a `Mutex` or an atomic",
        )),
        _ => Err(syn::Error::new_spanned(
            receiver,
            "one hub serves all calls at the same time, so methods take `&self`",
        )),
    }
}

fn generics(signature: &Signature) -> syn::Result<()> {
    let generic =
        signature.generics.params.iter().find(|generic| !matches!(generic, GenericParam::Lifetime(_)));
    match generic {
        Some(generic) => Err(syn::Error::new_spanned(
            generic,
            "clients cannot choose type parameters; use a concrete type, or `serde_json::Value` for anything",
        )),
        None => Ok(()),
    }
}

/// What clients send is owned by the call, and so is what is taken from the call.
fn owned(kind: &Type) -> syn::Result<()> {
    match kind {
        Type::Reference(reference) => {
            let owned = match reference.elem.as_ref() {
                Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
                Type::Path(path) if last_is(path, "Request") => "Arc<Request>".to_owned(),
                Type::Slice(_) => "a `Vec`".to_owned(),
                other => quote::ToTokens::to_token_stream(other).to_string(),
            };
            let owned = if owned.starts_with("a `") { owned } else { format!("`{owned}`") };
            Err(syn::Error::new_spanned(
                kind,
                format!("parameters are owned by the call; use {owned} instead of a reference"),
            ))
        }
        Type::ImplTrait(_) => {
            Err(syn::Error::new_spanned(kind, "clients cannot choose type parameters; use a concrete type"))
        }
        _ => Ok(()),
    }
}

fn any_type(_kind: &Type) -> syn::Result<()> {
    Ok(())
}

fn parameter(input: &PatType, index: usize) -> Parameter {
    let name = match input.pat.as_ref() {
        Pat::Ident(pattern) => syn::ext::IdentExt::unraw(&pattern.ident).to_string(),
        _ => String::new(),
    };
    // An underscore only tells the compiler that the parameter is not used.
    let name = match name.trim_start_matches('_') {
        "" => format!("argument{index}"),
        name => name.to_owned(),
    };
    Parameter { name, kind: input.ty.clone() }
}

/// Whether to await, and whether it can fail: `async fn`, `-> impl Future<Output = …>`, `-> Result<…>`.
fn returned(signature: &Signature) -> (Completion, Output) {
    let ReturnType::Type(_, kind) = &signature.output else {
        return (completion(signature), Output::Value);
    };
    match future_output(kind) {
        Some(output) => (Completion::Awaited, output_of(output)),
        None => (completion(signature), output_of(kind)),
    }
}

const fn completion(signature: &Signature) -> Completion {
    if signature.asyncness.is_some() { Completion::Awaited } else { Completion::AtOnce }
}

fn output_of(kind: &Type) -> Output {
    match kind {
        Type::Path(path) if last_is(path, "Result") => Output::Result,
        _ => Output::Value,
    }
}

fn last_is(path: &syn::TypePath, name: &str) -> bool {
    path.path.segments.last().is_some_and(|segment| segment.ident == name)
}

fn future_output(kind: &Type) -> Option<&Type> {
    let Type::ImplTrait(kind) = kind else { return None };
    kind.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|segment| segment.ident == "Future")?;
        let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            syn::GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
            _ => None,
        })
    })
}

/// Helper attributes where they mean nothing.
fn misplaced(block: &mut ItemImpl) -> syn::Result<()> {
    let on_block: Vec<Attribute> = block.attrs.extract_if(.., |attribute| is_helper(attribute)).collect();
    match on_block.first() {
        Some(attribute) if attribute.path().is_ident("authorize") => {
            let message = "rules for the whole hub stand inside of `#[hub(…)]`: write `#[hub(authorize(…))]`";
            Err(syn::Error::new(attribute.span(), message))
        }
        Some(attribute) => Err(syn::Error::new(attribute.span(), "this belongs to a method of the hub")),
        None => Ok(()),
    }
}
