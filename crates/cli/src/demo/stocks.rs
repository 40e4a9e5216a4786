//! A stock ticker: a task outside any hub pushes quotes to whoever watches, through a `HubContext`.
//!
//! The market itself knows nothing of connections, so its arithmetic can be tested without any.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heliostat::{Clients, Failure, HubContext, HubError, SendError, hub, hub_client};
use serde::Serialize;
use tokio::sync::Notify;

/// Often enough to look alive, seldom enough to be read.
const BEAT: Duration = Duration::from_millis(500);

/// Symbols of companies that do not exist, with their opening prices.
const OPENING: [(&str, f64); 6] =
    [("AURA", 217.38), ("BEAM", 41.05), ("CLOUD", 98.7), ("DAWN", 12.42), ("EOS", 570.3), ("FLARE", 64.91)];

/// No price moves by more than this part of itself in one beat.
const LARGEST_MOVE: f64 = 0.004;

#[hub_client]
pub(crate) trait TickerClient {
    fn update_stock_price(&self, stock: &Stock) -> Result<(), SendError>;
    fn market_opened(&self) -> Result<(), SendError>;
    fn market_closed(&self) -> Result<(), SendError>;
    fn market_reset(&self) -> Result<(), SendError>;
}

/// One quote as a page sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stock {
    symbol: &'static str,
    price: f64,
    day_open: f64,
    day_low: f64,
    day_high: f64,
    last_change: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum MarketState {
    Open,
    Closed,
}

#[derive(Debug)]
pub(crate) struct Market {
    floor: Mutex<Floor>,
    opened: Notify,
}

#[derive(Debug)]
struct Floor {
    state: MarketState,
    stocks: Vec<Stock>,
}

#[derive(Debug)]
pub(crate) struct StockTickerHub {
    market: Arc<Market>,
}

#[hub]
impl StockTickerHub {
    fn get_all_stocks(&self) -> Vec<Stock> {
        self.market.floor().stocks.clone()
    }

    fn get_market_state(&self) -> MarketState {
        self.market.floor().state
    }

    fn open_market(&self, clients: Clients) -> Result<(), Failure> {
        if self.market.set(MarketState::Open) {
            clients.all().market_opened()?;
        }
        Ok(())
    }

    fn close_market(&self, clients: Clients) -> Result<(), Failure> {
        if self.market.set(MarketState::Closed) {
            clients.all().market_closed()?;
        }
        Ok(())
    }

    /// Puts all prices back to the opening ones.
    fn reset(&self, clients: Clients) -> Result<(), Failure> {
        if !self.market.reset() {
            return Err(HubError::new("the market is open; close it before you reset it").into());
        }
        clients.all().market_reset()?;
        Ok(())
    }
}

impl StockTickerHub {
    pub(crate) const fn new(market: Arc<Market>) -> Self {
        Self { market }
    }
}

/// Moves the prices while the market is open, and tells everybody who watches.
pub(crate) async fn tick(market: Arc<Market>, ticker: HubContext) {
    loop {
        for stock in market.beat() {
            if let Err(error) = ticker.clients().all().update_stock_price(&stock) {
                tracing::warn!(%error, "a quote could not be sent");
            }
        }
        market.until_open().await;
        tokio::time::sleep(BEAT).await;
    }
}

impl Market {
    fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens or closes the market; false if it already was.
    fn set(&self, state: MarketState) -> bool {
        let changed = std::mem::replace(&mut self.floor().state, state) != state;
        if changed && state == MarketState::Open {
            self.opened.notify_one();
        }
        changed
    }

    /// Back to the opening prices; false while the market is open.
    fn reset(&self) -> bool {
        let mut floor = self.floor();
        let closed = floor.state == MarketState::Closed;
        if closed {
            floor.stocks = opening();
        }
        closed
    }

    async fn until_open(&self) {
        while self.floor().state == MarketState::Closed {
            self.opened.notified().await;
        }
    }

    /// Lets some prices move, and returns those that did.
    fn beat(&self) -> Vec<Stock> {
        let mut floor = self.floor();
        if floor.state == MarketState::Closed {
            return Vec::new();
        }
        let moving = floor.stocks.iter_mut().filter(|_| fastrand::u8(..3) == 0);
        moving.map(|stock| stock.moved_by((fastrand::f64() * 2.0 - 1.0) * LARGEST_MOVE)).collect()
    }
}

impl Default for Market {
    fn default() -> Self {
        let floor = Floor { state: MarketState::Closed, stocks: opening() };
        Self { floor: Mutex::new(floor), opened: Notify::new() }
    }
}

fn opening() -> Vec<Stock> {
    let stock = |(symbol, price)| Stock {
        symbol,
        price,
        day_open: price,
        day_low: price,
        day_high: price,
        last_change: 0.0,
    };
    OPENING.into_iter().map(stock).collect()
}

/// To whole cents, which is how prices are quoted.
fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

impl Stock {
    fn moved_by(&mut self, part: f64) -> Self {
        let price = cents(self.price * (1.0 + part)).max(0.01);
        self.last_change = cents(price - self.price);
        self.price = price;
        self.day_low = self.day_low.min(price);
        self.day_high = self.day_high.max(price);
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_market_moves_nothing() {
        assert!(Market::default().beat().is_empty());
    }

    #[test]
    fn opening_twice_is_one_opening_and_an_open_market_is_not_reset() {
        let market = Market::default();
        assert!(market.set(MarketState::Open));
        assert!(!market.set(MarketState::Open));
        assert!(!market.reset());
        assert!(market.set(MarketState::Closed));
        assert!(market.reset());
    }

    #[test]
    fn a_quote_keeps_the_day_in_order() {
        let mut stock = opening().remove(0);
        stock.moved_by(0.01);
        let moved = stock.moved_by(-0.02);
        assert!(moved.day_low <= moved.price && moved.price <= moved.day_high);
        assert_eq!(moved.day_open, 217.38);
        assert!(moved.last_change < 0.0);
    }

    #[test]
    fn a_price_never_falls_to_nothing() {
        let mut stock = opening().remove(0);
        assert_eq!(stock.moved_by(-1.0).price, 0.01);
    }
}
