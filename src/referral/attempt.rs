//! What one attempt to hand over a letter came to: exactly what the queue must know.

use super::post::words;
use jiff::Timestamp;

words! {
    /// The outcome (`design.md`: done, later, never or unknown).
    AttemptResult {
        /// The relay took it: 250 after the final dot.
        Done = "done",
        /// Not now; the letter stays queued.
        Later = "later",
        /// Refused for good: 5xx.
        Never = "never",
        /// The link died between the final dot and the reply: neither sent nor failed.
        Unknown = "unknown",
    }
    /// How far the attempt came (RFC 5321 names).
    Phase {
        /// Opening the TCP connection.
        Connect = "connect",
        /// The 220 greeting.
        Greeting = "greeting",
        /// EHLO.
        Ehlo = "ehlo",
        /// STARTTLS (RFC 3207).
        StartTls = "starttls",
        /// The TLS handshake.
        Handshake = "handshake",
        /// AUTH (RFC 4954).
        Auth = "auth",
        /// MAIL FROM.
        Mail = "mail",
        /// RCPT TO.
        Rcpt = "rcpt",
        /// DATA, until its 354.
        Data = "data",
        /// The letter and its final dot.
        Body = "body",
        /// We stopped or died meanwhile.
        Daemon = "daemon",
    }
    /// Why, where it was not simply the peer's reply.
    AttemptWhy {
        /// The peer's reply decided; see code.
        Reply = "reply",
        /// The connection was refused or the host unreachable.
        Unreachable = "unreachable",
        /// The name does not resolve.
        NameNotFound = "name-not-found",
        /// A phase or the whole took too long.
        Timeout = "timeout",
        /// The peer closed or reset the connection.
        ConnectionLost = "connection-lost",
        /// The peer offers no STARTTLS: nothing is sent in clear.
        NoStartTls = "no-starttls",
        /// Bytes arrived in clear before the handshake: replies could be injected.
        BytesBeforeHandshake = "bytes-before-handshake",
        /// The certificate has expired or is not yet valid.
        CertificateExpired = "certificate-expired",
        /// The certificate names another host.
        CertificateName = "certificate-name",
        /// The certificate's issuer is not one of the route's roots.
        CertificateUnknown = "certificate-unknown",
        /// The certificate is bad in another way.
        CertificateBad = "certificate-bad",
        /// The peer speaks no TLS version at or above the floor.
        TlsVersion = "tls-version",
        /// The peer refused our client certificate.
        ClientCertificateRefused = "client-certificate-refused",
        /// Another failure of the handshake.
        HandshakeFailed = "handshake-failed",
        /// The peer answered twice, or before it was asked.
        OutOfStep = "peer-out-of-step",
        /// A reply that is no SMTP reply, or too long.
        BadReply = "bad-reply",
        /// The peer does not offer what the letter needs (SIZE, AUTH).
        NotOffered = "not-offered",
        /// The letter is not canonical (CRLF lines of printable ASCII): nothing was sent.
        LetterBad = "letter-bad",
        /// The letter could not be made or opened: a fault of ours.
        LetterNotMade = "letter-not-made",
        /// No route of this name is configured.
        NoSuchRoute = "no-such-route",
        /// What the letter was for had ended before MAIL: nothing of it was said.
        CaseEnded = "case-ended",
        /// The daemon stopped or died while the letter was on its way.
        DaemonStopped = "daemon-stopped",
    }
}

impl AttemptResult {
    /// How much an outcome says, of several that one attempt reports: more counts.
    pub fn weight(self) -> u8 {
        match self {
            Self::Later => 0,
            Self::Unknown => 1,
            Self::Never => 2,
            Self::Done => 3,
        }
    }
}

/// What the handshake proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`.
    pub version: String,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// SHA-256 over the peer's certificates, leaf first.
    pub chain_digest: [u8; 32],
    /// Until when the first certificate of the peer's chain to end is valid.
    pub peer_until: Option<Timestamp>,
}

/// Whether an attempt that ended so met no relay: no connection, or no handshake. A relay that
/// answered was met, whatever it said: what it says concerns the letter, or will pass.
pub fn met_no_relay(phase: Phase, why: AttemptWhy) -> bool {
    let before_the_letter = match phase {
        Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::StartTls | Phase::Handshake => true,
        Phase::Auth | Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Body | Phase::Daemon => {
            false
        }
    };
    let of_the_relay = match why {
        AttemptWhy::Unreachable
        | AttemptWhy::NameNotFound
        | AttemptWhy::Timeout
        | AttemptWhy::ConnectionLost
        | AttemptWhy::NoStartTls
        | AttemptWhy::BytesBeforeHandshake
        | AttemptWhy::CertificateExpired
        | AttemptWhy::CertificateName
        | AttemptWhy::CertificateUnknown
        | AttemptWhy::CertificateBad
        | AttemptWhy::TlsVersion
        | AttemptWhy::ClientCertificateRefused
        | AttemptWhy::HandshakeFailed
        | AttemptWhy::BadReply => true,
        AttemptWhy::Reply
        | AttemptWhy::OutOfStep
        | AttemptWhy::NotOffered
        | AttemptWhy::LetterBad
        | AttemptWhy::LetterNotMade
        | AttemptWhy::NoSuchRoute
        | AttemptWhy::CaseEnded
        | AttemptWhy::DaemonStopped => false,
    };
    before_the_letter && of_the_relay
}

/// The end of one attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The outcome.
    pub result: AttemptResult,
    /// How far it came.
    pub phase: Phase,
    /// Why.
    pub why: AttemptWhy,
    /// The reply code, when a reply decided.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463), when the reply had one.
    pub enhanced: Option<String>,
    /// What the handshake proved, when there was one.
    pub tls: Option<TlsFacts>,
    /// The peer's words, verbatim. Sealed: a peer may quote an address.
    pub words: Vec<u8>,
}

impl Attempted {
    /// Whether the relay refused the login for good: the password is wrong, for every letter.
    pub fn login_refused(&self) -> bool {
        let for_good = self.code.is_some_and(|code| (500..600).contains(&code));
        self.phase == Phase::Auth && self.why == AttemptWhy::Reply && for_good
    }

    /// Whether the relay was there: it answered, or the attempt never came to ask.
    pub fn met_a_relay(&self) -> bool {
        !met_no_relay(self.phase, self.why)
    }
}

impl std::fmt::Debug for Attempted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempted")
            .field("result", &self.result)
            .field("phase", &self.phase)
            .field("why", &self.why)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}
