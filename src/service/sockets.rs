//! Every socket the daemon listens on, bound before anything starts.

use super::{Running, ServiceFault};
use crate::admin;
use crate::config::Config;
use crate::replies::smtp;
use crate::store::Store;
use std::net::SocketAddr;
use tokio::net::{TcpListener, UnixListener};

/// The sockets.
pub(super) struct Sockets {
    /// Forces post here.
    pub(super) intake: TcpListener,
    /// Answers and reports come in here.
    pub(super) replies: Option<smtp::Listeners>,
    /// Metrics are asked for here.
    pub(super) metrics: Option<TcpListener>,
    /// Operators act here.
    pub(super) operators: UnixListener,
}

/// Where they are: a port may be 0, so the addresses are asked back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) intake: SocketAddr,
    smtp_in: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
}

impl Addresses {
    /// What whoever started the daemon is told.
    pub(super) fn running(self, store: &Store, certificate: String) -> Running {
        Running {
            intake: self.intake,
            smtp_in: self.smtp_in,
            metrics: self.metrics,
            store: store.clone(),
            certificate,
        }
    }
}

/// Binds them all.
pub(super) async fn bind(config: &Config) -> Result<(Sockets, Addresses), ServiceFault> {
    let (intake, intake_at) = listen(config.intake.listen).await?;
    let replies = listen_for_replies(config).await?;
    let smtp_in = replies.as_ref();
    let smtp_in = smtp_in.and_then(|on| on.starttls().or(on.tls()));
    let (metrics, metrics_at) = match config.metrics {
        None => (None, None),
        Some(address) => {
            let (listener, bound) = listen(address).await?;
            (Some(listener), Some(bound))
        }
    };
    let path = &config.operators.socket;
    let operators = admin::bind(path)
        .map_err(|error| ServiceFault::Socket(path.display().to_string(), error))?;
    let sockets = Sockets {
        intake,
        replies,
        metrics,
        operators,
    };
    let addresses = Addresses {
        intake: intake_at,
        smtp_in,
        metrics: metrics_at,
    };
    Ok((sockets, addresses))
}

/// Binds what answers and reports come in by, where the settings name an address.
async fn listen_for_replies(config: &Config) -> Result<Option<smtp::Listeners>, ServiceFault> {
    let Some(settings) = &config.replies else {
        return Ok(None);
    };
    let bound = smtp::Listeners::bind(settings).await;
    let bound = bound.map_err(|(address, e)| ServiceFault::Socket(address.to_string(), e))?;
    Ok(Some(bound))
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServiceFault> {
    let fault = |error| ServiceFault::Socket(address.to_string(), error);
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}
