//! A server of classic SignalR that does to its messages what a test wants.

use std::{
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use heliostat_crank::Target;

use super::frames::{frame, read_frame, read_head};

/// What a server does with the n-th broadcast that it is to send to one of its clients.
pub(crate) type Habit = fn(usize, Vec<u8>, &mut Vec<Vec<u8>>);

/// What a server does with an HTTP connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    KeepsOpen,
    SaysThatItCloses,
    HangsUp,
}

/// Speaks just enough classic SignalR over WebSockets to be loaded, a thread for each connection.
pub(crate) struct Server {
    habit: Habit,
    manners: Manners,
    sockets: Mutex<Vec<Outlet>>,
}

/// The way to one client.
struct Outlet {
    stream: TcpStream,
    sent: usize,
}

impl Server {
    pub(crate) fn start(habit: Habit) -> Target {
        Self::start_with(habit, Manners::KeepsOpen)
    }

    pub(crate) fn start_with(habit: Habit, manners: Manners) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("http://{}/signalr", listener.local_addr().unwrap());
        let server = Arc::new(Self { habit, manners, sockets: Mutex::default() });
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = Arc::clone(&server);
                std::thread::spawn(move || server.speak(stream));
            }
        });
        Target::parse(&target).unwrap()
    }

    fn speak(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let head = read_head(&mut reader)?;
            if head.contains("Upgrade: websocket") {
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").ok()?;
                stream.write_all(&frame(br#"{"C":"0","S":1,"M":[]}"#)).ok()?;
                self.sockets.lock().unwrap().push(Outlet { stream: stream.try_clone().unwrap(), sent: 0 });
                return self.converse(&mut reader, &mut stream);
            }
            let body = r#"{"ConnectionToken":"t","Response":"started"}"#;
            let close = if self.manners == Manners::SaysThatItCloses { "Connection: close\r\n" } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\n{close}Content-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
            (self.manners == Manners::KeepsOpen).then_some(())?;
        }
    }

    fn converse(&self, reader: &mut impl Read, stream: &mut TcpStream) -> Option<()> {
        loop {
            let call: serde_json::Value = serde_json::from_slice(&read_frame(reader)?).ok()?;
            let payload = call["A"][0].as_str()?;
            let id = &call["I"];
            if call["M"] == "echo" {
                stream.write_all(&frame(format!(r#"{{"R":"{payload}","I":"{id}"}}"#).as_bytes())).ok()?;
                continue;
            }
            let message = frame(format!(r#"{{"C":"1","M":[{{"A":["{payload}"]}}]}}"#).as_bytes());
            for outlet in self.sockets.lock().unwrap().iter_mut() {
                let mut due = Vec::new();
                (self.habit)(outlet.sent, message.clone(), &mut due);
                outlet.sent += 1;
                due.into_iter().for_each(|message| _ = outlet.stream.write_all(&message));
            }
            stream.write_all(&frame(format!(r#"{{"I":"{id}"}}"#).as_bytes())).ok()?;
        }
    }
}
