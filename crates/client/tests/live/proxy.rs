//! A proxy that can be told to misbehave: cut, hold back, refuse.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Everything goes through.
    Through,
    /// Nothing that goes in either direction arrives, and nobody is told.
    Paused,
    /// Whoever connects is cut off.
    Refusing,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mood: Arc<watch::Sender<Mood>>,
    cuts: Arc<watch::Sender<u32>>,
    target: Arc<watch::Sender<SocketAddr>>,
    task: AbortHandle,
}

impl Proxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(watch::Sender::new(Mood::Through));
        let cuts = Arc::new(watch::Sender::new(0));
        let target = Arc::new(watch::Sender::new(target));
        let (moods, cut, to) = (Arc::clone(&mood), Arc::clone(&cuts), Arc::clone(&target));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *moods.borrow() == Mood::Refusing {
                    continue;
                }
                let (mood, mut cut, to) = (moods.subscribe(), cut.subscribe(), *to.borrow());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(to).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) = (split(client), split(server));
                    tokio::select! {
                        () = carry(from_client, to_server, mood.clone()) => {}
                        () = carry(from_server, to_client, mood) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, mood, cuts, target, task: task.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/signalr", self.address)
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Ends all connections there are.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// New connections go there.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

async fn carry(mut from: ReadHalf<TcpStream>, mut to: WriteHalf<TcpStream>, mut mood: watch::Receiver<Mood>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length) = from.read(&mut buffer).await else { return };
        if length == 0 || mood.wait_for(|mood| *mood != Mood::Paused).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}
