//! The generated proxy script shows what the hubs offer.

use heliostat::{Caller, EndpointOptions, JavaScriptProxies, Progress, Server, hub};

use crate::client::Wire;

struct StockTicker;
struct Named;

#[hub]
impl StockTicker {
    fn get_all_stocks(&self) {}

    fn buy(&self, _caller: Caller, _symbol: String, _count: u32, _progress: Progress<u32>) {}

    #[method(name = "Sell")]
    fn sell_all(&self) {}

    #[method(name = "Sell")]
    fn sell(&self, _symbol: String) {}
}

#[hub(name = "NamedHub")]
impl Named {}

fn server() -> Server {
    let off = EndpointOptions { javascript_proxies: JavaScriptProxies::Off, ..EndpointOptions::default() };
    Server::builder()
        .hub(StockTicker)
        .hub(Named)
        .map_hubs("/signalr", EndpointOptions::default())
        .map_hubs("/off", off)
        .build()
        .unwrap()
}

#[tokio::test]
async fn cp_065_implicit_names_are_camel_cased_and_explicit_ones_verbatim() {
    let (_, script) = Wire::new(&server(), &[]).ask("hubs", None).await;
    for expected in [
        r#"add("NamedHub", "NamedHub""#,
        r#"add("stockTicker", "stockTicker""#,
        r#""getAllStocks": function () { return call(proxy, "getAllStocks", arguments); }"#,
        r#""buy": function (symbol, count) { return call(proxy, "buy", arguments); }"#,
        r#""Sell": function () { return call(proxy, "Sell", arguments); }"#,
    ] {
        assert!(script.contains(expected), "{expected} in {script}");
    }
    assert_eq!(script.matches("\"Sell\":").count(), 1);
}

#[tokio::test]
async fn cp_070_switched_off_proxies_are_a_script_that_throws() {
    let (status, script) = Wire::new(&server(), &[]).at("/off").ask("js", None).await;
    assert_eq!(status, http::StatusCode::OK);
    assert!(script.starts_with("throw "), "{script}");
}

#[tokio::test]
async fn every_spelling_of_the_path_gets_the_script_that_names_it_as_often_as_it_asks() {
    let server = server();
    let spellings =
        ["/signalr", "/SignalR", "/SIGNALR", "/sIGNALR", "/siGNALR", "/sigNALR", "/signALR", "/signaLR"];
    for _ in 0..2 {
        for path in spellings.into_iter().chain(["/signalR", "/Signalr"]) {
            let (_, script) = Wire::new(&server, &[]).at(path).ask("hubs", None).await;
            assert!(script.contains(&format!("\"{path}\"")), "{path} in {script}");
        }
    }
}
