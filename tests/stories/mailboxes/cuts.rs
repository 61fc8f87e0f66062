//! The connection is cut at every line of either side, and each mail comes exactly once.

use super::proxy::{Cut, Proxy};
use super::{Desk, mail, on_the_wire};
use crate::peers::dovecot::Dovecot;
use firstbell::replies::mailbox::{After, Fault, Protocol};

/// Cuts one connection after the other, each a line later, until one ends by itself; a new mail waits
/// each time. Gives how many were cut.
async fn cut_at_every_line(
    (desk, dovecot, proxy): (&Desk, &Dovecot, &Proxy),
    (protocol, after): (Protocol, After),
    at: fn(usize) -> Cut,
    sent: &mut Vec<Vec<u8>>,
) -> usize {
    let mut settings = desk.settings(protocol, proxy.port);
    settings.after = after;
    for nth in 0.. {
        let one = mail(sent.len());
        sent.push(on_the_wire(&one));
        dovecot.deliver(one.as_bytes());
        proxy.cut(at(nth));
        let looked = desk.poller(settings.clone()).look().await;
        let was_cut = proxy.was_cut();
        if !was_cut {
            assert_eq!(looked, Ok(()), "{}", dovecot.log());
        }
        // The end of a session may be cut without a loss; nothing else.
        assert!(matches!(looked, Ok(()) | Err(Fault::Lost)), "{looked:?}");
        let again = desk.poller(settings.clone()).look().await;
        assert_eq!(again, Ok(()), "{}", dovecot.log());
        assert_eq!(desk.kept().await, *sent, "{:?} of {protocol:?}", at(nth));
        if after == After::Delete {
            assert_eq!(dovecot.mails(), 0, "{:?} of {protocol:?}", at(nth));
        }
        if !was_cut {
            return nth;
        }
    }
    unreachable!("a session has an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_at_every_line_each_mail_comes_exactly_once() {
    for (protocol, after) in [
        (Protocol::Imap, After::Keep),
        (Protocol::Pop3, After::Delete),
    ] {
        let desk = Desk::new().await;
        let dovecot = Dovecot::start(&desk.pki.server);
        let to = match protocol {
            Protocol::Imap => dovecot.imap.clear,
            Protocol::Pop3 => dovecot.pop3.clear,
        };
        let proxy = Proxy::start(desk.pki.serves(), to).await;
        let mut sent = Vec::new();
        let parts = (&desk, &dovecot, &proxy);
        let way = (protocol, after);
        let heard = cut_at_every_line(parts, way, Cut::Server, &mut sent).await;
        let said = cut_at_every_line(parts, way, Cut::Client, &mut sent).await;
        assert!(heard >= 20 && said >= 5, "{heard} lines heard, {said} said");
        assert_eq!(desk.notes().await, [""; 0], "{protocol:?}");
        println!("{protocol:?}: cut at {heard} lines of the server, {said} of ours");
    }
}
