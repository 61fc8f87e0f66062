//! Requests whose end could be read in two ways.
//!
//! Where Content-Length stands more than once or beside Transfer-Encoding, the library reads the
//! body by RFC 9112 section 6.3, and what follows it must not be taken for a request (section
//! 11.2, request smuggling). The library drops the repeated field before a handler could see it, so
//! the head is watched here, as it arrives.

use super::server::HEAD_BYTES_MAX;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The head of the request that a connection is reading. Clones watch the same connection.
#[derive(Debug, Clone)]
pub(super) struct Head(Arc<Mutex<Seen>>);

#[derive(Debug)]
enum Seen {
    /// Bytes since the last answer: a head, as far as it has come.
    Bytes(Vec<u8>),
    /// A request is being answered: what arrives is its body.
    Body,
}

impl Head {
    /// Watches a connection on which nothing was read yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Seen::Bytes(Vec::new()))))
    }

    /// To be asked once a head was read: whether the connection must close after its answer,
    /// because the request's end is open to a second reading. A request that was sent before the
    /// last answer came was not watched from its first byte, and counts as such too.
    pub(super) fn must_close(&self) -> bool {
        let seen = std::mem::replace(&mut *self.lock(), Seen::Body);
        match seen {
            Seen::Bytes(bytes) => !is_plain(&bytes),
            Seen::Body => true,
        }
    }

    /// To be told when the request was answered: what arrives next is a head.
    pub(super) fn answered(&self) {
        *self.lock() = Seen::Bytes(Vec::new());
    }

    fn arrived(&self, bytes: &[u8]) {
        if let Seen::Bytes(seen) = &mut *self.lock() {
            let room = HEAD_BYTES_MAX.saturating_sub(seen.len());
            seen.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a whole head stands here with at most one field that says how long its body is. Lines
/// are told apart as the library does it: a bare LF ends one too.
fn is_plain(bytes: &[u8]) -> bool {
    let mut lengths = 0;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let whole = lines.map_while(|line| line.strip_suffix(b"\n"));
    for line in whole.skip_while(|line| line.trim_ascii().is_empty()) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return lengths <= 1;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let says_length = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        if says_length("content-length") || says_length("transfer-encoding") {
            lengths += 1;
        }
    }
    false
}

/// A stream whose incoming bytes are shown to a [`Head`].
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    head: Head,
}

impl<S> Watched<S> {
    /// Shows what arrives on `stream` to `head`.
    pub(super) fn new(stream: S, head: Head) -> Self {
        Self { stream, head }
    }

    /// The stream again.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let (_, new) = buffer.filled().split_at_checked(before).unwrap_or_default();
        self.head.arrived(new);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closes(head: &str) -> bool {
        let watched = Head::new();
        watched.arrived(head.as_bytes());
        watched.must_close()
    }

    #[test]
    fn a_head_that_says_its_length_once_stays_open() {
        assert!(!closes("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!closes(
            "\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\r\nContent-Length: 2\r\n"
        ));
    }

    #[test]
    fn a_head_that_says_it_twice_closes_however_it_is_written() {
        for fields in [
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: 2\r\ncontent-length: 2\r\n",
            "Content-Length: 2\nContent-Length: 2\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(
                closes(&format!("POST / HTTP/1.1\r\n{fields}\r\n")),
                "{fields}"
            );
        }
    }

    #[test]
    fn a_head_not_seen_whole_closes() {
        assert!(closes("POST / HTTP/1.1\r\nContent-Length: 2\r\n"));
        let watched = Head::new();
        watched.arrived(b"GET / HTTP/1.1\r\n\r\n");
        assert!(!watched.must_close());
        watched.arrived(b"GET / HTTP/1.1\r\n\r\n");
        watched.answered();
        assert!(watched.must_close());
    }
}
