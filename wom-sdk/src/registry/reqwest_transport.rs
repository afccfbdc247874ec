//! The transport that comes with the SDK.

use std::{error::Error as _, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Client,
    header::{self, HeaderValue},
    redirect,
};

use super::{Address, HttpRequest, HttpResponse, Method, Transport};
use crate::{Error, Kind, Result};

/// HTTP/1.1 over TLS (rustls with the system's certificates), by one pool of connections. Cheap to
/// clone; clones share the pool.
///
/// Redirects are not followed, compressed answers not asked for, and answers read up to
/// [`HttpResponse::MAX_BODY`].
#[derive(Clone, Debug)]
pub struct ReqwestTransport(Client);

impl ReqwestTransport {
    /// How long connecting, TLS included, may take.
    const CONNECT: Duration = Duration::from_secs(5);
    /// How long a connection is kept without use: less than servers usually keep it.
    const IDLE: Duration = Duration::from_secs(45);

    /// A transport for any host. The environment's proxy settings are honoured.
    ///
    /// Fails with [`Kind::ConfigurationInvalid`] where the system has no certificates of
    /// authorities to trust.
    pub fn new() -> Result<Self> {
        Self::build(Self::settings())
    }

    /// A transport for one Registry. One on this machine is reached without a proxy, and over plain
    /// http no certificates are needed.
    pub fn to(address: &Address) -> Result<Self> {
        let mut settings = Self::settings();
        if address.is_loopback() {
            settings = settings.no_proxy();
        }
        if !address.is_secure() {
            settings = settings.tls_certs_only([]);
        }
        Self::build(settings)
    }

    fn settings() -> reqwest::ClientBuilder {
        Client::builder()
            .user_agent(concat!("wom-sdk/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(Self::CONNECT)
            .pool_idle_timeout(Self::IDLE)
    }

    fn build(settings: reqwest::ClientBuilder) -> Result<Self> {
        settings.build().map(Self).map_err(|error| {
            Error::new(
                Kind::ConfigurationInvalid,
                "the system's certificates of authorities cannot be loaded",
            )
            .with("cause", deepest(&error))
            .hint("install them (on Debian: ca-certificates), or set SSL_CERT_FILE")
            .because(error)
        })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let mut sending = match request.method {
            Method::Get => self.0.get(&request.url),
            Method::Post => self.0.post(&request.url),
        }
        .timeout(request.limit);
        for (name, value) in request.headers {
            let value = HeaderValue::from_str(&value).map_err(|_| {
                Error::new(Kind::InputInvalid, "a header's value cannot be sent")
                    .with("header", name)
            })?;
            sending = sending.header(name, sensitive(value));
        }
        if let Some(body) = request.body {
            sending = sending
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let mut answer = sending.send().await.map_err(failed)?;
        let text = |name: header::HeaderName| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(ToOwned::to_owned)
        };
        let mut response = HttpResponse {
            status: answer.status().as_u16(),
            content_type: text(header::CONTENT_TYPE),
            retry_after: text(header::RETRY_AFTER),
            body: Vec::new(),
        };
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if response.body.len() + chunk.len() > HttpResponse::MAX_BODY {
                return Err(Error::new(
                    Kind::OutcomeUnknown,
                    "the Registry's answer does not end where it should",
                )
                .with("limit", HttpResponse::MAX_BODY));
            }
            response.body.extend_from_slice(&chunk);
        }
        Ok(response)
    }
}

/// A header that no log of the libraries below shows.
fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// Before the connection stands nothing is sent; whatever fails later may have arrived.
fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let cause = deepest(&error);
    let (kind, message) = if error.is_connect() {
        (Kind::NetworkUnreachable, "the Registry cannot be reached")
    } else if error.is_builder() {
        (Kind::NetworkUnreachable, "the request cannot be sent")
    } else if error.is_timeout() {
        (Kind::OutcomeUnknown, "the Registry did not answer in time")
    } else {
        (
            Kind::OutcomeUnknown,
            "the connection broke before the whole answer came",
        )
    };
    let certificate = cause.contains("certificate");
    let error = Error::new(kind, message)
        .with("cause", cause)
        .because(error);
    match kind {
        Kind::NetworkUnreachable if certificate => error
            .hint("the server's certificate is not trusted here: check address and certificate"),
        Kind::NetworkUnreachable => error.hint("check the address and the network"),
        _ => error,
    }
}

/// What the innermost error says: "connection refused" rather than "error sending request".
fn deepest(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{TcpListener, TcpStream},
        thread,
        time::Instant,
    };

    use super::*;

    /// Answers one connection after the other, each as told, once the head of a request is there.
    fn server(answer: impl Fn(&mut TcpStream, &str) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                answer(&mut stream, &String::from_utf8_lossy(&head));
            }
        });
        address
    }

    async fn ask(address: &str) -> Result<HttpResponse> {
        let transport = ReqwestTransport::to(&address.parse().unwrap()).unwrap();
        let request = HttpRequest::get(format!("{address}/api/v1/auth/key"));
        transport.send(request.within(Duration::from_secs(2))).await
    }

    fn write(stream: &mut TcpStream, text: &str) {
        stream.write_all(text.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn an_answer_comes_with_what_is_needed_of_its_head() {
        let address = server(|stream, head| {
            let head = head.to_ascii_lowercase();
            assert!(head.contains(concat!("user-agent: wom-sdk/", env!("CARGO_PKG_VERSION"))));
            assert!(!head.contains("accept-encoding"), "{head}");
            write(
                stream,
                "HTTP/1.1 503 Busy\r\ncontent-type: text/plain\r\nretry-after: 7\r\n\
                 content-length: 4\r\n\r\nbusy",
            );
        });
        let answer = ask(&address).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (503, b"busy".as_slice())
        );
        assert_eq!(answer.retry_after.as_deref(), Some("7"));
        assert_eq!(answer.content_type.as_deref(), Some("text/plain"));
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent() {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = ask(&format!("http://{free}")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NetworkUnreachable, "{error:?}");
        // The connection is closed within the TLS handshake.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        thread::spawn(move || listener.incoming().for_each(drop));
        let error = ask(&address).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NetworkUnreachable, "{error:?}");
    }

    #[tokio::test]
    async fn whatever_breaks_later_is_unclear() {
        for spoilt in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-le",
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        ] {
            let address = server(|stream, _| write(stream, spoilt));
            let error = ask(&address).await.unwrap_err();
            assert_eq!(error.kind(), Kind::OutcomeUnknown, "{spoilt:?} {error:?}");
            assert!(!format!("{error:?}").contains("auth/key"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_drip_ends_with_the_time_and_a_flood_with_the_limit() {
        let drip = server(|stream, _| {
            write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let transport = ReqwestTransport::new().unwrap();
        let started = Instant::now();
        let request = HttpRequest::get(&drip).within(Duration::from_millis(200));
        let error = transport.send(request).await.unwrap_err();
        assert_eq!(error.kind(), Kind::OutcomeUnknown, "{error:?}");
        assert!(started.elapsed() < Duration::from_millis(1500));

        let flood = server(|stream, _| {
            write(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            );
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
            let mut sent = 0;
            let stopped = loop {
                match stream.write_all(chunk.as_bytes()) {
                    Ok(()) => sent += 65_536,
                    Err(error) => break error.kind(),
                }
                assert!(sent < 64 << 20, "nobody stops the flood");
            };
            assert!(matches!(
                stopped,
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ));
        });
        let error = ask(&flood).await.unwrap_err();
        assert_eq!(error.kind(), Kind::OutcomeUnknown, "{error:?}");
        assert!(error.to_string().contains("4194304"), "{error}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_like_others() {
        let address = server(|stream, _| {
            write(
                stream,
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/x\r\ncontent-length: 0\r\n\r\n",
            );
        });
        assert_eq!(ask(&address).await.unwrap().status, 302);
    }
}
