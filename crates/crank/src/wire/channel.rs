//! What a client receives on its own socket, from bytes to texts, on every transport.
//!
//! Bytes are read where the caller has them. Only the incomplete end of what has arrived is kept, which for a server that writes whole
//! messages is nothing: ten thousand idle clients hold no buffers.

use heliostat_proto::transport_kind::TransportKind;

use super::{
    MAX_ITEM, WireError,
    body::{Body, Step},
    frame::{self, Frame},
    head::{self, After},
    lines,
};

/// What has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News<'a> {
    /// The server has accepted the transport connection.
    Opened,
    Text(&'a [u8]),
    /// A WebSocket ping, to be answered.
    Ping(&'a [u8]),
    /// A poll is complete.
    Answered(After),
}

/// Why nothing more will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the server answered with status {0}")]
    Refused(u16),
    #[error("the server closed the WebSocket")]
    Closed,
    #[error("the server ended the stream")]
    Ended,
    #[error(transparent)]
    Wire(#[from] WireError),
}

#[derive(Debug)]
enum Place {
    Head,
    Body(Body, After),
    Frames,
}

#[derive(Debug)]
pub(crate) struct Channel {
    transport: TransportKind,
    place: Place,
    /// Bytes that wait for more of them.
    rest: Vec<u8>,
    /// A line, poll or fragmented message that is not complete.
    kept: Vec<u8>,
}

impl Channel {
    pub(crate) const fn new(transport: TransportKind) -> Self {
        Self { transport, place: Place::Head, rest: Vec::new(), kept: Vec::new() }
    }

    /// Takes what has arrived and tells what is in it.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(News<'_>)) -> Result<(), Fault> {
        if self.rest.is_empty() {
            let taken = self.read(bytes, &mut each)?;
            self.rest.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > MAX_ITEM {
            return Err(WireError::TooLong.into());
        }
        let mut rest = std::mem::take(&mut self.rest);
        let taken = self.read(&rest, &mut each)?;
        rest.drain(..taken);
        // An empty one gives its memory back: there may be many clients, and most need it once.
        if !rest.is_empty() {
            self.rest = rest;
        }
        Ok(())
    }

    /// Reads all that is complete; tells how many bytes that was.
    fn read(&mut self, bytes: &[u8], each: &mut impl FnMut(News<'_>)) -> Result<usize, Fault> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let step = match &mut self.place {
                Place::Head => self.read_head(rest, each)?,
                Place::Body(body, after) => {
                    let after = *after;
                    let (step, length) = body.next(rest)?;
                    taken += length;
                    self.read_body(step, after, each)?.then_some(0)
                }
                Place::Frames => self.read_frame(rest, each)?,
            };
            match step {
                Some(length) => taken += length,
                None => return Ok(taken),
            }
        }
    }

    fn read_head(&mut self, bytes: &[u8], each: &mut impl FnMut(News<'_>)) -> Result<Option<usize>, Fault> {
        let Some((head, length)) = head::parse(bytes)? else { return Ok(None) };
        self.place = match (self.transport, head.status) {
            (TransportKind::WebSockets, 101) => Place::Frames,
            (TransportKind::WebSockets, status) => return Err(Fault::Refused(status)),
            (_, 200) => Place::Body(head.body, head.after),
            (_, status) => return Err(Fault::Refused(status)),
        };
        each(News::Opened);
        Ok(Some(length))
    }

    /// Whether there may be more at once.
    fn read_body(
        &mut self,
        step: Step<'_>,
        after: After,
        each: &mut impl FnMut(News<'_>),
    ) -> Result<bool, Fault> {
        let polls = self.transport == TransportKind::LongPolling;
        match step {
            Step::More => return Ok(false),
            Step::Data(data) if self.kept.len() + data.len() > MAX_ITEM => {
                return Err(WireError::TooLong.into());
            }
            Step::Data(data) if polls => self.kept.extend_from_slice(data),
            Step::Data(data) => {
                let transport = self.transport;
                lines::split(&mut self.kept, data, |line| {
                    if let Some(text) = lines::text_of(transport, line) {
                        each(News::Text(text));
                    }
                });
            }
            Step::End if polls => {
                // Before the answer come spaces, to keep the connection alive (6.5).
                each(News::Text(self.kept.trim_ascii()));
                self.kept.clear();
                self.place = Place::Head;
                each(News::Answered(after));
            }
            Step::End => return Err(Fault::Ended),
        }
        Ok(true)
    }

    fn read_frame(&mut self, bytes: &[u8], each: &mut impl FnMut(News<'_>)) -> Result<Option<usize>, Fault> {
        let Some((frame, length)) = frame::parse(bytes)? else { return Ok(None) };
        match frame {
            Frame::Text(text) => each(News::Text(text)),
            Frame::Part(part) | Frame::LastPart(part) if self.kept.len() + part.len() > MAX_ITEM => {
                return Err(WireError::TooLong.into());
            }
            Frame::Part(part) => self.kept.extend_from_slice(part),
            Frame::LastPart(part) => {
                self.kept.extend_from_slice(part);
                each(News::Text(&self.kept));
                self.kept.clear();
            }
            Frame::Ping(payload) => each(News::Ping(payload)),
            Frame::Pong => {}
            Frame::Close => return Err(Fault::Closed),
        }
        Ok(Some(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// The texts as that transport wraps them, one write after the other.
    fn wire(transport: TransportKind, texts: &[String]) -> Vec<u8> {
        let chunk = |text: String| format!("{:x}\r\n{text}\r\n", text.len());
        let stream = |each: fn(&String) -> String| {
            let chunks: String = texts.iter().map(|text| chunk(each(text))).collect();
            format!("{OK}{chunks}").into_bytes()
        };
        match transport {
            TransportKind::WebSockets => {
                let mut wire = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec();
                for text in texts {
                    let (first, second) = text.as_bytes().split_at(text.len() / 2);
                    wire.extend([0x01, u8::try_from(first.len()).unwrap()]);
                    wire.extend_from_slice(first);
                    wire.extend([0x80, u8::try_from(second.len()).unwrap()]);
                    wire.extend_from_slice(second);
                }
                wire
            }
            TransportKind::ServerSentEvents => stream(|text| format!("data: {text}\n\n")),
            TransportKind::ForeverFrame => stream(|text| format!("<script>r(c, {text});</script>\r\n")),
            TransportKind::LongPolling => {
                let answer =
                    |text: &String| format!("{OK}{}{}0\r\n\r\n", chunk(" ".to_owned()), chunk(text.clone()));
                texts.iter().map(answer).collect::<String>().into_bytes()
            }
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_texts_on_every_transport(
            texts in prop::collection::vec("\\{[a-z]{1,30}\\}", 1..6), cut in 1_usize..90, which in 0_usize..4,
        ) {
            let transport = TransportKind::ALL[which];
            let mut channel = Channel::new(transport);
            let mut found = Vec::new();
            for piece in wire(transport, &texts).chunks(cut) {
                channel.feed(piece, |news| if let News::Text(text) = news {
                    found.push(String::from_utf8(text.to_vec()).unwrap());
                }).unwrap();
            }
            prop_assert_eq!(found, texts);
            prop_assert!(channel.rest.is_empty() && channel.kept.is_empty());
        }
    }

    #[test]
    fn a_poll_is_followed_by_the_next_answer() {
        let mut channel = Channel::new(TransportKind::LongPolling);
        let mut news = Vec::new();
        channel
            .feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", |one| {
                news.push(format!("{one:?}"));
            })
            .unwrap();
        assert_eq!(news, ["Opened", "Text([123, 125])", "Answered(Closes)"]);
    }

    #[test]
    fn the_end_of_a_channel_says_why() {
        let end = |transport, bytes: &[u8]| Channel::new(transport).feed(bytes, |_| {}).unwrap_err();
        let refusal = b"HTTP/1.1 403 Forbidden\r\n\r\n";
        assert_eq!(end(TransportKind::WebSockets, refusal), Fault::Refused(403));
        assert_eq!(end(TransportKind::LongPolling, refusal), Fault::Refused(403));
        assert_eq!(end(TransportKind::WebSockets, b"HTTP/1.1 101 S\r\n\r\n\x88\x00"), Fault::Closed);
        let ended = format!("{OK}0\r\n\r\n");
        assert_eq!(end(TransportKind::ServerSentEvents, ended.as_bytes()), Fault::Ended);
    }
}
