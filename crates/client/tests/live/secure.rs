//! TLS, and proxies that tunnel it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heliostat_client::{RequestError, TransportKind};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::site::{ALL, Site, builder};

/// Takes the TLS off what comes, and hands it on. The certificate is its own.
async fn tls_to(target: SocketAddr) -> (SocketAddr, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let mut server = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut socket, &mut server).await;
            });
        }
    });
    (address, own.cert.pem())
}

/// A proxy that only knows CONNECT, and counts.
async fn tunnel() -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tunnels = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tunnels);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
                let mut server = TcpStream::connect(target.replace("localhost", "127.0.0.1")).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, tunnels)
}

#[tokio::test]
async fn all_transports_work_over_tls_and_through_a_proxy() {
    let site = Site::new().await;
    let (address, pem) = tls_to(site.address).await;
    let url = format!("https://localhost:{}/signalr", address.port());
    let (proxy, tunnels) = tunnel().await;
    for kind in ALL {
        let direct = builder(&url, kind).root_certificate(pem.as_str());
        let proxied = builder(&url, kind).root_certificate(pem.as_str()).proxy(format!("http://{proxy}"));
        for builder in [direct, proxied] {
            let connection = builder.build().unwrap();
            let hub = connection.hub("TestHub").unwrap();
            connection.start().await.unwrap();
            assert_eq!(hub.invoke::<i64>("add", (1, 2)).await.unwrap(), 3, "{kind}");
            connection.stop().await;
        }
        assert!(tunnels.swap(0, Ordering::Relaxed) > 0, "{kind}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_unless_the_application_takes_any() {
    let site = Site::new().await;
    let (address, _) = tls_to(site.address).await;
    let url = format!("https://localhost:{}/signalr", address.port());
    let error = builder(&url, TransportKind::WebSockets).build().unwrap().start().await.unwrap_err();
    assert!(matches!(error.causes()[0].error, RequestError::Http(_)), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    let connection = builder(&url, TransportKind::WebSockets).accept_invalid_certificates().build().unwrap();
    connection.start().await.unwrap();
}
