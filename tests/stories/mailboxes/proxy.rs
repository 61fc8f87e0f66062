//! Stands between a poller and a server: TLS to one, in clear to the other, so that it sees what is
//! said, and can cut or hold a connection at any line.

use rustls::ServerConfig;
use std::sync::{Arc, Mutex};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, split,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Where a connection is cut: before this line of this side is handed on, counted from nought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Server(usize),
    Client(usize),
}

#[derive(Default)]
struct Plan {
    cut: Option<Cut>,
    /// A client's line that begins so is not handed on, nor anything after it.
    hold: Option<&'static str>,
    /// What clients said, and `[.]` for each end of several lines that they were answered with.
    said: Vec<String>,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    plan: Arc<Mutex<Plan>>,
    held: watch::Receiver<bool>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(tls: Arc<ServerConfig>, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let (hold, held) = watch::channel(false);
        let for_serving = Arc::clone(&plan);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tcp.set_nodelay(true).unwrap();
                let (tls, plan) = (TlsAcceptor::from(tls.clone()), for_serving.clone());
                let hold = hold.clone();
                connections.spawn(async move {
                    if let Ok(client) = tls.accept(tcp).await {
                        let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                        server.set_nodelay(true).unwrap();
                        between(client, server, &plan, &hold).await;
                    }
                });
            }
        });
        Self {
            port,
            plan,
            held,
            _serving: serving,
        }
    }

    /// The next connection that comes so far is cut there.
    pub(super) fn cut(&self, at: Cut) {
        self.plan.lock().unwrap().cut = Some(at);
    }

    /// Whether it was; if not, it will not be.
    pub(super) fn was_cut(&self) -> bool {
        self.plan.lock().unwrap().cut.take().is_none()
    }

    /// The next line that begins so is kept back, with its connection.
    pub(super) fn hold(&self, line: &'static str) {
        self.plan.lock().unwrap().hold = Some(line);
    }

    /// Waits until it is.
    pub(super) async fn held(&mut self) {
        let held = self.held.wait_for(|held| *held);
        let bound = std::time::Duration::from_secs(60);
        let in_time = tokio::time::timeout(bound, held).await;
        drop(in_time.expect("the line comes").unwrap());
    }

    /// What clients said since this was asked last.
    pub(super) fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.plan.lock().unwrap().said)
    }
}

/// Hands lines on, both ways, until either side or the plan ends it; then both are closed.
async fn between(
    client: impl AsyncRead + AsyncWrite,
    server: TcpStream,
    plan: &Mutex<Plan>,
    hold: &watch::Sender<bool>,
) {
    let (client_says, client_hears) = split(client);
    let (server_says, server_hears) = split(server);
    let is_cut = |at: Cut| {
        let mut plan = plan.lock().unwrap();
        plan.cut.take_if(|cut| *cut == at).is_some()
    };
    let up = lines(client_says, server_hears, |nth, line| {
        if is_cut(Cut::Client(nth)) {
            return Next::Cut;
        }
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let mut plan = plan.lock().unwrap();
        let is_held = plan.hold.take_if(|begins| text.starts_with(*begins));
        plan.said.push(text);
        if is_held.is_some() {
            hold.send_replace(true);
            return Next::Hold;
        }
        Next::On
    });
    let down = lines(server_says, client_hears, |nth, line| {
        if is_cut(Cut::Server(nth)) {
            return Next::Cut;
        }
        if line == b".\r\n" {
            plan.lock().unwrap().said.push("[.]".to_owned());
        }
        Next::On
    });
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

enum Next {
    On,
    Cut,
    Hold,
}

async fn lines(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut each: impl FnMut(usize, &[u8]) -> Next,
) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    for nth in 0.. {
        line.clear();
        let read = from.read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        match each(nth, &line) {
            Next::On => {}
            Next::Cut => return,
            Next::Hold => std::future::pending().await,
        }
        if to.write_all(&line).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}
