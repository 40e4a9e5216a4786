//! The hubs behind the pages of this binary: small, whole, and meant to be read.
//!
//! Each shows one thing. [`chat`] groups and lifetime, [`stocks`] messages from outside a hub, [`shape`] many small
//! messages joined into few, [`echo`] a persistent connection without hubs, and [`diagnostics`] every kind of call
//! there is, so that a client can be tested against it. [`load`] is for measuring.

pub(crate) mod chat;
pub(crate) mod diagnostics;
pub(crate) mod echo;
pub(crate) mod load;
pub(crate) mod shape;
pub(crate) mod stocks;

use std::sync::Arc;

use heliostat::{Request, Server, UserId};

use chat::ChatHub;
use diagnostics::DiagnosticsHub;
use load::LoadHub;
use shape::{Canvas, MoveShapeHub};
use stocks::{Market, StockTickerHub};

/// One demo hub as the start page shows it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) hub: &'static str,
    pub(crate) purpose: &'static str,
    /// `None` for a hub that no page shows.
    pub(crate) page: Option<&'static str>,
    pub(crate) methods: &'static [&'static str],
}

/// The demo hubs, in the order of the start page. A test of the binary holds the methods against the proxy script.
pub(crate) const HUBS: [About; 5] = [
    About {
        hub: "ChatHub",
        purpose: "Rooms, who is in them, and what is said there.",
        page: Some("/chat"),
        methods: &["join(room)", "leave(room)", "rename(name)", "say(room, text)", "who(room)"],
    },
    About {
        hub: "StockTickerHub",
        purpose: "Quotes pushed by a task outside any hub.",
        page: Some("/stocks"),
        methods: &["closeMarket()", "getAllStocks()", "getMarketState()", "openMarket()", "reset()"],
    },
    About {
        hub: "MoveShapeHub",
        purpose: "One shape, moved by everybody; many moves in, few out.",
        page: Some("/shape"),
        methods: &["moveShape(place)", "whereIsIt()"],
    },
    About {
        hub: "DiagnosticsHub",
        purpose: "Every kind of call there is, to test a client with.",
        page: Some("/diagnostics"),
        methods: &[
            "add(a, b)",
            "bumpCounter()",
            "callAll(text)",
            "callAllExcept(id, text)",
            "callClient(id, text)",
            "callGroup(group, text)",
            "callMe(text)",
            "callOthers(text)",
            "callOthersInGroup(group, text)",
            "callUser(user, text)",
            "countdown(n)",
            "echo(value)",
            "events()",
            "fail()",
            "failWithData()",
            "join(group)",
            "leave(group)",
            "query(name)",
            "sleep(milliseconds)",
            "whoAmI()",
        ],
    },
    About {
        hub: "LoadHub",
        purpose: "What `heliostat crank` drives to see how much a server can carry.",
        page: None,
        methods: &[
            "broadcast(text)",
            "echo(value)",
            "join(group)",
            "joinMany(names)",
            "sendToGroup(group, text)",
        ],
    },
];

/// The hubs, and the tasks that some of them need.
#[derive(Debug, Default)]
pub(crate) struct Demo {
    market: Arc<Market>,
    canvas: Arc<Canvas>,
}

impl Demo {
    /// Adds the demo hubs and the echo connection to a server.
    pub(crate) fn add_to(&self, builder: heliostat::ServerBuilder) -> heliostat::ServerBuilder {
        builder
            .hub(ChatHub::default())
            .hub(StockTickerHub::new(self.market.clone()))
            .hub(MoveShapeHub::new(self.canvas.clone()))
            .hub(DiagnosticsHub::default())
            .hub(LoadHub)
            .user_id(visitor)
    }

    /// Starts the tasks that push from outside the hubs; they run as long as the process.
    pub(crate) fn start(self, server: &Server) {
        if let Some(ticker) = server.hub::<StockTickerHub>() {
            tokio::spawn(stocks::tick(self.market, ticker));
        }
        if let Some(shapes) = server.hub::<MoveShapeHub>() {
            tokio::spawn(shape::relay(self.canvas, shapes));
        }
    }
}

/// Lets a visitor choose a user id with `?user=ann`.
///
/// This is for trying things out and proves nothing about who is there: a real application puts a `User` into the
/// request's extensions after it has authenticated the request, and needs no function like this.
pub(crate) fn visitor(request: &Request) -> Option<UserId> {
    request.query("user").and_then(|name| UserId::parse(name).ok())
}
