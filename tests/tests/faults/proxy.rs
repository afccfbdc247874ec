//! A small real proxy before the Registry. What it is to spoil stands in a header of each request,
//! so that it remembers nothing and any number of tests may use it.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::LazyLock,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The header that says what happens to a request; see [`Spoil`].
pub(crate) const SPOIL: &str = "x-spoil";
/// The header that says which Registry it goes to: an index of the addresses.
pub(crate) const TO: &str = "x-to";

/// What happens to a request on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Spoil {
    /// It passes.
    Nothing,
    /// It is read, and the connection closed.
    Lost,
    /// It is carried out, and the connection closed.
    ReplyLost,
    /// It is carried out, and the reply comes after so many milliseconds.
    Late(u64),
    /// It is not carried out; this status comes, with `Retry-After` if that is not empty.
    Status(u16, String),
    /// It is carried out, and this status comes.
    DoneBut(u16),
    /// It is carried out, and the reply ends in its midst.
    Cut,
    /// It is carried out, and the connection reset in the midst of the reply.
    Reset,
    /// It is carried out, and the reply comes twice on the connection.
    Twice,
    /// It is carried out, and this body comes with status 200.
    Instead(Vec<u8>),
    /// It is not carried out; a login page comes with status 200.
    Page,
    /// It is not carried out; it is sent on elsewhere.
    Redirect(u16, String),
    /// It is carried out, and the reply comes byte by byte, with so many milliseconds between.
    Drip(u64),
    /// It is carried out, and the reply never ends.
    Endless,
    /// It is carried out, and a small body comes that unpacks to a large one.
    Bomb,
}

impl Spoil {
    /// As it stands in the header.
    pub(crate) fn to_header(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Lost => "lost".to_owned(),
            Self::ReplyLost => "reply-lost".to_owned(),
            Self::Late(millis) => format!("late {millis}"),
            Self::Status(status, after) => format!("status {status} {after}"),
            Self::DoneBut(status) => format!("done-but {status}"),
            Self::Cut => "cut".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Twice => "twice".to_owned(),
            Self::Instead(body) => format!("instead {}", STANDARD.encode(body)),
            Self::Page => "page".to_owned(),
            Self::Redirect(status, to) => format!("redirect {status} {to}"),
            Self::Drip(millis) => format!("drip {millis}"),
            Self::Endless => "endless".to_owned(),
            Self::Bomb => "bomb".to_owned(),
        }
    }

    fn from_header(text: &str) -> Self {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        match name {
            "lost" => Self::Lost,
            "reply-lost" => Self::ReplyLost,
            "late" => Self::Late(first.parse().unwrap()),
            "status" => Self::Status(first.parse().unwrap(), second.to_owned()),
            "done-but" => Self::DoneBut(first.parse().unwrap()),
            "cut" => Self::Cut,
            "reset" => Self::Reset,
            "twice" => Self::Twice,
            "instead" => Self::Instead(STANDARD.decode(rest).unwrap()),
            "page" => Self::Page,
            "redirect" => Self::Redirect(first.parse().unwrap(), second.to_owned()),
            "drip" => Self::Drip(first.parse().unwrap()),
            "endless" => Self::Endless,
            "bomb" => Self::Bomb,
            _ => Self::Nothing,
        }
    }

    /// Whether the Registry gets the request.
    pub(crate) fn arrives(&self) -> bool {
        !matches!(
            self,
            Self::Lost | Self::Status(..) | Self::Page | Self::Redirect(..)
        )
    }
}

/// Begins to serve; gives the address. Ends with the runtime.
pub(crate) async fn start(registries: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let registries = registries.clone();
            // Whatever breaks here is meant to, or breaks the test that waits for it.
            tokio::spawn(async move { serve(stream, &registries).await });
        }
    });
    address
}

struct Request {
    head: String,
    body: Vec<u8>,
}

struct Reply {
    status: String,
    kind: String,
    body: Vec<u8>,
}

async fn serve(mut stream: TcpStream, registries: &[SocketAddr]) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Some(request) = read(&mut stream, &mut bytes).await? {
        let header = |name: &str| {
            let lines = request.head.lines();
            let mut values = lines.filter_map(|line| line.split_once(": "));
            let found = values.find(|(other, _)| other.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned())
        };
        let spoil = Spoil::from_header(&header(SPOIL).unwrap_or_default());
        let to: usize = header(TO).map_or(0, |to| to.parse().unwrap());
        let reply = match spoil.arrives() {
            true => Some(forward(&request, registries[to]).await?),
            false => None,
        };
        if !answer(&mut stream, &spoil, reply).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Answers as told; `false` if the connection ends with it.
async fn answer(stream: &mut TcpStream, spoil: &Spoil, reply: Option<Reply>) -> io::Result<bool> {
    let Some(reply) = reply else {
        let (status, more, kind, body) = match spoil {
            Spoil::Status(status, after) if after.is_empty() => (*status, String::new(), "", ""),
            Spoil::Status(status, after) => (*status, format!("retry-after: {after}\r\n"), "", ""),
            Spoil::Redirect(status, to) => (*status, format!("location: {to}\r\n"), "", ""),
            Spoil::Page => {
                let page = "<html><form action=/login>Welcome to the hotel</form></html>";
                (200, String::new(), "text/html", page)
            }
            _ => return Ok(false),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\n{more}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).await?;
        return Ok(true);
    };
    let Reply { status, kind, body } = &reply;
    let head = |status: &str, length: usize, more: &str| {
        format!("{status}\r\ncontent-type: {kind}\r\n{more}content-length: {length}\r\n\r\n")
    };
    let whole = [head(status, body.len(), "").as_bytes(), body].concat();
    match spoil {
        Spoil::ReplyLost => return Ok(false),
        Spoil::Late(millis) => {
            tokio::time::sleep(Duration::from_millis(*millis)).await;
            stream.write_all(&whole).await?;
        }
        Spoil::DoneBut(other) => {
            let head = head(&format!("HTTP/1.1 {other} X"), 0, "");
            stream.write_all(head.as_bytes()).await?;
        }
        Spoil::Cut => {
            // An empty reply is cut in its head.
            stream
                .write_all(&whole[..whole.len() - body.len().div_ceil(2).max(6)])
                .await?;
            return Ok(false);
        }
        Spoil::Reset => {
            stream
                .write_all(&whole[..whole.len() - body.len().div_ceil(2).max(6)])
                .await?;
            stream.flush().await?;
            stream.set_zero_linger()?;
            return Ok(false);
        }
        Spoil::Twice => {
            stream.write_all(&whole).await?;
            stream.write_all(&whole).await?;
        }
        Spoil::Instead(body) => {
            let head = head("HTTP/1.1 200 OK", body.len(), "");
            stream.write_all(&[head.as_bytes(), body].concat()).await?;
        }
        Spoil::Drip(millis) => {
            // Whatever is asked for, there is more of it than anybody waits for.
            let head = head(status, body.len().max(10_000), "");
            stream.write_all(head.as_bytes()).await?;
            for byte in body.iter().chain(std::iter::repeat(&b' ')) {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(*millis)).await;
            }
        }
        Spoil::Endless => {
            let head = format!("{status}\r\ntransfer-encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
        Spoil::Bomb => {
            let head = head("HTTP/1.1 200 OK", BOMB.len(), "content-encoding: gzip\r\n");
            stream.write_all(&[head.as_bytes(), &BOMB].concat()).await?;
        }
        _ => stream.write_all(&whole).await?,
    }
    Ok(true)
}

/// 64 MiB of blanks, packed.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        packed.write_all(&[b' '; 1 << 20]).unwrap();
    }
    packed.finish().unwrap()
});

/// One request, out of the bytes that came and those that come; what belongs to the next stays. None
/// at the end of the connection, or where the other side speaks TLS.
async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(bytes).await? == 0 || bytes[0] == 0x16 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(head);
    let head = String::from_utf8(std::mem::take(bytes)).unwrap();
    let length = head.lines().filter_map(|line| line.split_once(": "));
    let length = length
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.parse::<usize>().unwrap())
        .next()
        .unwrap_or(0);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    *bytes = body.split_off(length);
    Ok(Some(Request { head, body }))
}

/// Sends a request on, on a connection of its own, and reads the whole reply.
async fn forward(request: &Request, to: SocketAddr) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(to).await?;
    let lines = request.head.trim_end().lines();
    let kept = lines.filter(|line| !line.starts_with("x-spoil") && !line.starts_with("x-to"));
    let head: Vec<_> = kept.collect();
    let head = format!("{}\r\nconnection: close\r\n\r\n", head.join("\r\n"));
    stream
        .write_all(&[head.as_bytes(), &request.body].concat())
        .await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().to_owned();
    let kind = lines.find_map(|line| line.strip_prefix("content-type: "));
    Ok(Reply {
        status,
        kind: kind.unwrap_or_default().to_owned(),
        body,
    })
}
