//! What the files themselves say wrongly or leave out, put right before they are replayed.

use crate::recording::{Direction, Frame, Opcode, Recording};

pub(crate) fn correct(recording: &mut Recording) {
    match recording.name.as_str() {
        "timing/ws-too-big" => {
            // The text that was sent is abbreviated in the file.
            let text = "x".repeat(66_000);
            for frame in recording.exchanges.iter_mut().flat_map(|exchange| &mut exchange.frames) {
                if frame.dir == Direction::Send {
                    frame.data = Some(format!(r#"{{"H":"oracle","M":"Echo","A":["{text}"],"I":0}}"#));
                }
            }
        }
        "timing/ws-ping-and-binary" => {
            // The ping that was answered is missing.
            for exchange in &mut recording.exchanges {
                if let Some(place) = exchange.frames.iter().position(|frame| frame.op == Opcode::Pong) {
                    let pong = exchange.frames[place].clone();
                    exchange.frames.insert(place, Frame { dir: Direction::Send, op: Opcode::Ping, ..pong });
                }
            }
        }
        _ => {}
    }
}
