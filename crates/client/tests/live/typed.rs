//! One trait for both sides.

use heliostat::{Clients, SendError, Server, hub};
use heliostat_client::{InvokeError, hub_proxy};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::site::{ALL, Log, builder};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Seat {
    row: u8,
}

/// What the server calls.
#[heliostat::hub_client]
#[heliostat_client::hub_client]
trait Visitor {
    fn sit_down(&self, name: &str, seat: &Seat) -> Result<(), SendError>;
    #[method(name = "Leave")]
    fn go_away(&self, rows: &[u8], last: u8) -> Result<(), SendError>;
}

/// What clients call.
#[hub_proxy]
trait Theatre {
    async fn book(&self, name: &str, seat: &Seat) -> Result<Seat, InvokeError>;
    #[method(name = "close")]
    async fn shut(&self, rows: Vec<u8>) -> Result<(), InvokeError>;
}

struct TheatreHub;

#[hub]
impl TheatreHub {
    fn book(&self, clients: Clients, name: String, seat: Seat) -> Result<Seat, SendError> {
        clients.caller().sit_down(&name, &seat)?;
        Ok(seat)
    }

    fn close(&self, clients: Clients, rows: Vec<u8>) -> Result<(), SendError> {
        clients.caller().go_away(&rows, 9)
    }
}

struct Guest(Log);

impl Visitor for Guest {
    fn sit_down(&self, name: &str, seat: &Seat) -> Result<(), SendError> {
        self.0.note(format!("{name} {seat:?}"));
        Ok(())
    }

    fn go_away(&self, rows: &[u8], last: u8) -> Result<(), SendError> {
        self.0.note(format!("{rows:?} {last}"));
        Ok(())
    }
}

#[tokio::test]
async fn one_trait_calls_clients_on_the_server_and_is_called_on_the_client() {
    let server = Server::builder().hub(TheatreHub).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/signalr", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback_service(server.service());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    for kind in ALL {
        let connection = builder(&url, kind).build().unwrap();
        let theatre = connection.hub("TheatreHub").unwrap();
        let log = Log::default();
        let attached = Guest(log.clone()).attach_to(&theatre);
        connection.start().await.unwrap();
        assert_eq!(theatre.book("ann", &Seat { row: 3 }).await.unwrap(), Seat { row: 3 });
        theatre.shut(vec![1, 2]).await.unwrap();
        log.wait("[1, 2] 9", 1).await;
        assert_eq!(log.all(), ["ann Seat { row: 3 }", "[1, 2] 9"], "{kind}");
        attached.into_iter().for_each(heliostat_client::Subscription::cancel);
        theatre.shut(vec![]).await.unwrap();
        connection.stop().await;
        assert_eq!(log.all().len(), 2);
    }
}
