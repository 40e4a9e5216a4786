//! JSON values compared the way clients read them: without member order, numbers by value.

use serde_json::{Number, Value};

use super::{Findings, names::Names};

/// Texts the application itself writes into errors. Other error texts belong to whoever runs the application.
const APPLICATION_ERRORS: [&str; 4] = ["secret detail", "async secret", "visible", "inner1"];

/// Notes every difference below `path`.
pub(crate) fn compare(path: &str, expected: &Value, actual: &Value, names: &Names, findings: &mut Findings) {
    match (expected, actual) {
        (Value::Number(expected), Value::Number(actual)) if same_number(expected, actual) => {}
        (Value::String(expected), Value::String(actual)) => {
            findings.equal(&format!("the text at {path}"), names.expected(expected), names.actual(actual));
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{index}]"), expected, actual, names, findings);
            }
        }
        (Value::Object(expected), Value::Object(actual)) if expected.keys().eq(actual.keys()) => {
            for (key, expected) in expected {
                compare(&format!("{path}.{key}"), expected, &actual[key], names, findings);
            }
        }
        _ if expected == actual => {}
        _ => findings.add(format!("the value at {path}\n      expected {expected}\n      got      {actual}")),
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one == other,
        (Some(_) | None, _) => one.as_f64() == other.as_f64(),
    }
}

/// An answer to negotiate: its token is opaque.
pub(crate) fn compare_negotiation(expected: &Value, actual: &Value, names: &Names, findings: &mut Findings) {
    let token = "ConnectionToken";
    let opaque = |value: &Value| {
        let mut value = value.clone();
        if let Some(text) =
            value.get_mut(token).filter(|text| text.as_str().is_some_and(|text| !text.is_empty()))
        {
            *text = Value::String("<token>".to_owned());
        }
        value
    };
    compare("the answer", &opaque(expected), &opaque(actual), names, findings);
}

/// The result of an invocation: the text of an error counts only where the application wrote it.
pub(crate) fn compare_result(expected: &Value, actual: &Value, names: &Names, findings: &mut Findings) {
    let text = |value: &Value| value.get("E").and_then(Value::as_str).map(str::to_owned);
    let (Some(expected_text), Some(actual_text)) = (text(expected), text(actual)) else {
        return compare("the result", expected, actual, names, findings);
    };
    if APPLICATION_ERRORS.contains(&expected_text.as_str()) {
        findings.equal("the error text", expected_text, actual_text);
    } else if let Some(method) = expected_text.strip_prefix("There was an error invoking Hub method ") {
        // Detail off: one sentence that names the method as the caller wrote it, and nothing else.
        let method = method.trim_end_matches('.');
        let leaks = APPLICATION_ERRORS.iter().any(|secret| actual_text.contains(secret));
        findings.require(actual_text.contains(method) && !leaks, || {
            format!("the error text has to name {method} and nothing else, but it is {actual_text:?}")
        });
    } else if let Some(refused) = expected_text.strip_prefix("Caller is not authorized to invoke the ") {
        let (method, hub) = refused.trim_end_matches('.').split_once(" method on ").unwrap_or((refused, ""));
        let actual_text = actual_text.to_lowercase();
        let names_both = [method, hub].iter().all(|name| actual_text.contains(&name.to_lowercase()));
        findings.require(names_both, || {
            format!("the error text has to name {method} and {hub}, but it is {actual_text:?}")
        });
    } else {
        findings.require(!actual_text.trim().is_empty(), || "the error text is empty".to_owned());
    }
    compare("the result", &without_text(expected), &without_text(actual), names, findings);
}

fn without_text(result: &Value) -> Value {
    let mut result = result.clone();
    if let Some(text) = result.get_mut("E") {
        *text = Value::String("<error>".to_owned());
    }
    result
}
