//! One shape that everybody may drag: many small messages in, few out.
//!
//! A mouse moves a hundred times a second, and nobody sees more than a few dozen. So a move is only remembered, and a
//! task sends the latest place at most once per [`FRAME`], to everybody but the mover, whose shape is already there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heliostat::{ConnectionId, HubContext, SendError, hub, hub_client};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// 25 times a second looks smooth once the page glides between two places.
const FRAME: Duration = Duration::from_millis(40);

#[hub_client]
pub(crate) trait ShapeClient {
    fn shape_moved(&self, place: Place) -> Result<(), SendError>;
}

/// Where the shape's centre is, as parts of the canvas: 0 is left and top, 1 is right and bottom.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Place {
    x: f64,
    y: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Canvas {
    latest: Mutex<Latest>,
    moved: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Latest {
    place: Place,
    /// Who moved it last.
    by: Option<ConnectionId>,
}

#[derive(Debug)]
pub(crate) struct MoveShapeHub {
    canvas: Arc<Canvas>,
}

#[hub]
impl MoveShapeHub {
    /// Where the shape is now, for a page that was just opened.
    fn where_is_it(&self) -> Place {
        self.canvas.latest().place
    }

    fn move_shape(&self, id: ConnectionId, place: Place) {
        *self.canvas.latest() = Latest { place: place.inside(), by: Some(id) };
        self.canvas.moved.notify_one();
    }
}

impl MoveShapeHub {
    pub(crate) const fn new(canvas: Arc<Canvas>) -> Self {
        Self { canvas }
    }
}

/// Sends the latest place to the others, as often as somebody moves it and never faster than one frame.
pub(crate) async fn relay(canvas: Arc<Canvas>, shapes: HubContext) {
    loop {
        canvas.moved.notified().await;
        let Latest { place, by } = *canvas.latest();
        if let Err(error) = shapes.clients().all_except(by).shape_moved(place) {
            tracing::warn!(%error, "a move could not be sent");
        }
        tokio::time::sleep(FRAME).await;
    }
}

impl Canvas {
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Latest {
    fn default() -> Self {
        Self { place: Place { x: 0.5, y: 0.5 }, by: None }
    }
}

impl Place {
    fn inside(self) -> Self {
        Self { x: self.x.clamp(0.0, 1.0), y: self.y.clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_on_the_canvas() {
        assert_eq!(Place { x: -3.0, y: 7.5 }.inside(), Place { x: 0.0, y: 1.0 });
        assert_eq!(Latest::default().place.inside(), Place { x: 0.5, y: 0.5 });
    }
}
