//! A relay that can be away, hold still or take letters, whichever a story wants at the time; it
//! counts what comes.

use crate::relays::authority::Authority;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use crate::support::daemon::Way;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Closes every connection before the handshake.
    Away,
    /// Takes every letter.
    Takes,
    /// Shakes hands and does not greet.
    HoldsGreeting,
    /// Takes letters, and does not answer MAIL with an empty sender, which is a note's.
    HoldsNotes,
    /// Hears whom each letter is for, and asks to come again.
    Refuses,
    /// Hears letters and does not say whether they are taken.
    HoldsReply,
}

/// What came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Connections, those included that were closed at once.
    pub(crate) connections: usize,
    /// Connections that are open.
    pub(crate) open: usize,
    /// MAIL with a sender: letters begun.
    pub(crate) letters: usize,
    /// MAIL without one: notes begun.
    pub(crate) notes: usize,
    /// Letters and notes taken.
    pub(crate) taken: usize,
}

pub(crate) struct Exchange {
    pub(crate) port: u16,
    roots: PathBuf,
    state: Arc<State>,
    _folder: tempfile::TempDir,
}

struct State {
    now: Mutex<(Manner, Count)>,
    changed: Condvar,
}

impl Exchange {
    /// Listens for the rest of the process's life.
    pub(crate) fn start(manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("The route's authority");
        let identity = authority.names("localhost");
        let config = identity.serves(rustls::ALL_VERSIONS, None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            now: Mutex::new((manner, Count::default())),
            changed: Condvar::new(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, state) = (Arc::clone(&config), Arc::clone(&shared));
                thread::spawn(move || {
                    state.count(|count| {
                        count.connections += 1;
                        count.open += 1;
                    });
                    // An end in the middle is the gateway's doing.
                    drop(talk(stream, config, &state));
                    state.count(|count| count.open -= 1);
                });
            }
        });
        Self {
            port,
            roots: authority.write(folder.path()),
            state,
            _folder: folder,
        }
    }

    /// The way to it, as the settings name it.
    pub(crate) fn way(&self, more: &str) -> Way {
        Way {
            name: "cjsm",
            port: self.port,
            tls: "implicit",
            roots: self.roots.clone(),
            client: None,
            more: more.to_owned(),
        }
    }

    /// From now on, also for those it holds.
    pub(crate) fn be(&self, manner: Manner) {
        self.state.lock().0 = manner;
        self.state.changed.notify_all();
    }

    pub(crate) fn count(&self) -> Count {
        self.state.lock().1
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, (Manner, Count)> {
        self.now.lock().unwrap()
    }

    fn count(&self, change: impl FnOnce(&mut Count)) {
        change(&mut self.lock().1);
    }

    /// Waits for as long as the relay holds still so.
    fn while_it(&self, holds: Manner) {
        let waited = self.changed.wait_while(self.lock(), |now| now.0 == holds);
        drop(waited.unwrap());
    }
}

fn talk(tcp: TcpStream, config: Arc<ServerConfig>, state: &State) -> io::Result<()> {
    if state.lock().0 == Manner::Away {
        return Ok(());
    }
    tcp.set_nodelay(true)?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(tls, tcp));
    {
        let StreamOwned { conn, sock } = stream.get_mut();
        while conn.is_handshaking() {
            conn.complete_io(sock)?;
        }
    }
    state.while_it(Manner::HoldsGreeting);
    say(&mut stream, "220 relay.test ESMTP")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.get(..4).unwrap_or_default() {
            "MAIL" if line.starts_with("MAIL FROM:<>") => {
                state.count(|count| count.notes += 1);
                state.while_it(Manner::HoldsNotes);
                say(&mut stream, "250 ok")?;
            }
            "MAIL" => {
                state.count(|count| count.letters += 1);
                say(&mut stream, "250 ok")?;
            }
            "RCPT" if state.lock().0 == Manner::Refuses => say(&mut stream, "451 4.3.0 not now")?,
            "DATA" => {
                say(&mut stream, "354 go on")?;
                let mut heard = String::new();
                while heard != ".\r\n" {
                    heard.clear();
                    if stream.read_line(&mut heard)? == 0 {
                        return Ok(());
                    }
                }
                state.while_it(Manner::HoldsReply);
                state.count(|count| count.taken += 1);
                say(&mut stream, "250 2.0.0 taken")?;
            }
            "QUIT" => return say(&mut stream, "221 bye"),
            _ => say(&mut stream, "250 ok")?,
        }
    }
}

type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

fn say(stream: &mut Stream, reply: &str) -> io::Result<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{reply}\r\n").as_bytes())?;
    stream.flush()
}
