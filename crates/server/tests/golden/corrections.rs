//! What the files themselves say wrongly or leave out, put right before they are replayed.

use crate::{
    purpose,
    recording::{Direction, Ended, Frame, Opcode, Recording},
};

pub(crate) fn correct(recording: &mut Recording) {
    the_server_ends_what_was_aborted(recording);
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
        // The label names only what differs for the reader; the process was the one of the other files with plain tokens.
        "errors/websockets-unavailable" => {
            recording.server = "no-websockets,keepAlive=none,longPollDelay=1".to_owned()
        }
        _ => {}
    }
}

/// In a few recordings the recorder was quicker with its own end than the server with the one an abort had asked for.
fn the_server_ends_what_was_aborted(recording: &mut Recording) {
    if !matches!(recording.group(), "cors" | "extra" | "invoke" | "unprotected") {
        return;
    }
    for index in 0..recording.exchanges.len() {
        let is_aborted = recording.is_aborted_later(index);
        let exchange = &mut recording.exchanges[index];
        let is_open = purpose::delivers(exchange) && purpose::is_stream(&exchange.request);
        if is_aborted && is_open && exchange.response.ended_by == Ended::Client {
            exchange.response.ended_by = Ended::ServerEnd;
            if purpose::is_web_socket(exchange) {
                let t_ms = exchange.response.ended_at_ms;
                let close =
                    Frame { t_ms, dir: Direction::Recv, op: Opcode::Close, data: None, code: Some(1000) };
                exchange.frames.push(close);
            }
        }
    }
}
