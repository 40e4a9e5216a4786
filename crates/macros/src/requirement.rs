//! `authorize`, `authorize(users = "…", roles = "…", with = function)`: the same in `#[hub(…)]` and as an attribute of a method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{LitStr, Meta, Path, meta::ParseNestedMeta};

use crate::names::unknown_key;

const KEYS: [&str; 3] = ["roles", "users", "with"];

/// Who may call.
#[derive(Default)]
pub(crate) struct Requirement {
    users: Option<LitStr>,
    roles: Option<LitStr>,
    with: Option<Path>,
}

impl Requirement {
    /// From an attribute of a method.
    pub(crate) fn from_attribute(meta: &Meta) -> syn::Result<Self> {
        match meta {
            Meta::Path(_) => Ok(Self::default()),
            Meta::List(list) => {
                let mut requirement = Self::default();
                list.parse_nested_meta(|key| requirement.take(&key))?;
                Ok(requirement)
            }
            Meta::NameValue(pair) => Err(syn::Error::new_spanned(
                pair,
                "write `#[authorize]`, or `#[authorize(roles = \"…\", users = \"…\", with = function)]`",
            )),
        }
    }

    /// From inside of `#[hub(…)]`.
    pub(crate) fn from_key(key: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        let mut requirement = Self::default();
        if key.input.peek(syn::token::Paren) {
            key.parse_nested_meta(|key| requirement.take(&key))?;
        }
        Ok(requirement)
    }

    fn take(&mut self, key: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if key.path.is_ident("users") {
            self.users = Some(list(key)?);
        } else if key.path.is_ident("roles") {
            self.roles = Some(list(key)?);
        } else if key.path.is_ident("with") {
            self.with = Some(key.value()?.parse()?);
        } else if key.path.is_ident("require_outgoing") {
            return Err(key.error(
                "who may listen is decided for whole hubs: write `#[hub(require_outgoing = false)]` at the `impl` block",
            ));
        } else {
            return Err(unknown_key(&key.path, "authorize", &KEYS));
        }
        Ok(())
    }

    /// An expression that makes the requirement.
    pub(crate) fn render(&self) -> TokenStream {
        let start = match (&self.users, &self.roles, &self.with) {
            (None, None, Some(function)) => quote!(::heliostat::Requirement::with(#function)),
            (_, _, Some(function)) => quote!(::heliostat::Requirement::authenticated().and(#function)),
            (_, _, None) => quote!(::heliostat::Requirement::authenticated()),
        };
        let users = self.users.iter();
        let roles = self.roles.iter();
        quote!(#start #(.users(#users))* #(.roles(#roles))*)
    }
}

/// A list that names nobody would let everybody in, which is never what was meant.
fn list(key: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let names: LitStr = key.value()?.parse()?;
    if names.value().split(',').all(|name| name.trim().is_empty()) {
        let message = "the list is empty; name at least one, separated by commas, or leave the key out for any authenticated user";
        return Err(syn::Error::new_spanned(names, message));
    }
    Ok(names)
}
