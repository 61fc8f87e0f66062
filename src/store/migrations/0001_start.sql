-- Ids are TEXT: a prefix and 26 Crockford base32 characters of a UUIDv7. Times are INTEGER
-- microseconds UTC, dates TEXT ISO 8601, flags INTEGER 0 or 1, digests BLOB of 32 bytes.

CREATE TABLE store(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  fact_seq INTEGER NOT NULL,
  directory_version INTEGER NOT NULL
) STRICT;
CREATE TABLE incarnation(
  n INTEGER PRIMARY KEY,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER,
  build TEXT NOT NULL,
  config_digest BLOB NOT NULL
) STRICT;
CREATE TABLE basis(
  n INTEGER PRIMARY KEY,
  policy_digest BLOB NOT NULL,
  templates_digest BLOB NOT NULL,
  tzdb TEXT NOT NULL,
  build TEXT NOT NULL,
  UNIQUE(policy_digest, templates_digest, tzdb, build)
) STRICT;

-- content: everything personal, and the keys that make it go away
CREATE TABLE content_key(
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('incident','child','inbound','contact','note')),
  epoch TEXT NOT NULL,
  wrapped BLOB,
  until INTEGER,
  legal_hold INTEGER NOT NULL DEFAULT 0,
  destroyed_at INTEGER,
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT;
CREATE INDEX content_key_due ON content_key(until) WHERE wrapped IS NOT NULL;
CREATE TABLE item(
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL REFERENCES content_key(id),
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  commitment BLOB NOT NULL,
  sealed BLOB
) STRICT;
CREATE INDEX item_owner ON item(owner);
CREATE TABLE blind(
  digest BLOB NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('duplicate','search')),
  owner TEXT NOT NULL,
  PRIMARY KEY(digest, owner)
) STRICT;
-- A refused post is forgotten after a while, and its digest with it.
CREATE INDEX blind_refused ON blind(owner) WHERE substr(owner, 1, 4) = 'rfp_';

-- cases
CREATE TABLE referral(
  id TEXT PRIMARY KEY,
  force TEXT NOT NULL,
  referral_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  source_system TEXT NOT NULL,
  submitted_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  content_key TEXT NOT NULL REFERENCES content_key(id),
  supersedes TEXT REFERENCES referral(id),
  -- The sender's id of what it replaces, which may be unknown: the original can come after it.
  supersedes_id TEXT,
  -- Identical content under another id: linked, no second letter.
  duplicate_of TEXT REFERENCES referral(id),
  ended TEXT CHECK (ended IN ('superseded','withdrawn')),
  UNIQUE(force, referral_id)
) STRICT;
-- What lists are ordered by, and what a sender's nights are counted by.
CREATE INDEX referral_received ON referral(force, received_at);
CREATE INDEX referral_supersedes ON referral(force, supersedes_id) WHERE supersedes_id IS NOT NULL;
CREATE TABLE intake_key(
  force TEXT NOT NULL,
  key_digest BLOB NOT NULL,
  body_digest BLOB,
  referral TEXT NOT NULL REFERENCES referral(id),
  answer BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY(force, key_digest)
) STRICT;
CREATE INDEX intake_key_referral ON intake_key(referral);
CREATE TABLE child(
  id TEXT PRIMARY KEY,
  referral TEXT NOT NULL REFERENCES referral(id),
  child_ref TEXT NOT NULL,
  content_key TEXT NOT NULL REFERENCES content_key(id),
  UNIQUE(referral, child_ref)
) STRICT;
CREATE TABLE notification(
  id TEXT PRIMARY KEY,
  reference TEXT NOT NULL UNIQUE,
  force TEXT NOT NULL,
  referral TEXT NOT NULL REFERENCES referral(id),
  child TEXT NOT NULL REFERENCES child(id),
  target TEXT NOT NULL CHECK (target IN ('school','authority','unrouted')),
  urn TEXT,
  la_code TEXT,
  rerouted_from TEXT REFERENCES notification(id),
  rerouted_to TEXT REFERENCES notification(id),
  duty TEXT NOT NULL CHECK (duty IN ('open','acknowledged','refused','contradicted','told','closed')),
  closed_as TEXT,
  hold TEXT,
  reading INTEGER NOT NULL DEFAULT 0,
  proof TEXT NOT NULL CHECK (proof IN ('none','handed_over','delivered')),
  step INTEGER NOT NULL DEFAULT 0,
  timing TEXT NOT NULL CHECK (timing IN ('in_time','at_risk','late')),
  word TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  act_by INTEGER NOT NULL,
  assumed INTEGER NOT NULL,
  late_on_arrival INTEGER NOT NULL,
  last_safe_mail_at INTEGER,
  next_at INTEGER,
  next_what TEXT,
  live INTEGER NOT NULL,
  basis INTEGER NOT NULL REFERENCES basis(n),
  directory_version INTEGER NOT NULL,
  facts INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  CHECK (live = (duty IN ('open','contradicted'))),
  -- Promise 6, kept by the database itself: nothing live without a timer at or before its act-by.
  CHECK (live = 0 OR (next_at IS NOT NULL AND (timing = 'late' OR next_at <= act_by))),
  CHECK ((target = 'school') = (urn IS NOT NULL)),
  CHECK (duty <> 'closed' OR closed_as IS NOT NULL)
) STRICT;
-- A refusal that is contradicted lives beside its successor, which may be for the same school again, until
-- a person has found out; and however that ends.
CREATE UNIQUE INDEX notification_duty ON notification(child, urn) WHERE urn IS NOT NULL AND rerouted_to IS NULL AND duty NOT IN ('refused','closed','contradicted');
CREATE INDEX notification_timer ON notification(next_at) WHERE live = 1;
CREATE INDEX notification_board ON notification(force, act_by) WHERE live = 1;
CREATE INDEX notification_referral ON notification(referral);
CREATE INDEX notification_urn ON notification(urn) WHERE live = 1;
CREATE INDEX notification_authority ON notification(la_code) WHERE live = 1 AND urn IS NULL;
CREATE INDEX notification_nobody ON notification(act_by, id) WHERE live = 1 AND hold = 'nobody-to-notify';

-- facts
CREATE TABLE fact(
  seq INTEGER PRIMARY KEY,
  stream TEXT NOT NULL,
  n INTEGER NOT NULL,
  force TEXT,
  kind TEXT NOT NULL,
  v INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  basis INTEGER NOT NULL REFERENCES basis(n),
  cause TEXT UNIQUE,
  body BLOB,
  leaf BLOB NOT NULL,
  UNIQUE(stream, n)
) STRICT;
CREATE INDEX fact_feed ON fact(force, seq) WHERE force IS NOT NULL;
-- A body may be erased (a fact about erased content keeps its leaf); nothing else ever changes. Whoever
-- erases it takes the case out of what the writer keeps in memory, too: src/store/kept.rs.
CREATE TRIGGER fact_fixed BEFORE UPDATE ON fact
WHEN NOT (NEW.body IS NULL AND NEW.seq = OLD.seq AND NEW.leaf = OLD.leaf AND NEW.stream = OLD.stream
  AND NEW.n = OLD.n AND NEW.kind = OLD.kind AND NEW.v = OLD.v AND NEW.at = OLD.at AND NEW.actor = OLD.actor
  AND NEW.basis = OLD.basis AND NEW.force IS OLD.force AND NEW.cause IS OLD.cause)
BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
CREATE TRIGGER fact_kept BEFORE DELETE ON fact
BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;

-- out
CREATE TABLE letter(
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('notification','nudge','note','receipt','withdrawal','drill','canary','alarm')),
  notification TEXT REFERENCES notification(id),
  -- What it is: letter, receipt, after_call, not_counted, nudge, office_nudge.
  message TEXT NOT NULL,
  contact TEXT NOT NULL,
  directory_version INTEGER NOT NULL,
  profile TEXT,
  token TEXT NOT NULL UNIQUE,
  message_id TEXT NOT NULL UNIQUE,
  item TEXT REFERENCES item(id),
  bytes_digest BLOB,
  signer TEXT,
  signed_at INTEGER,
  -- Committed before rendering: a letter that stops the daemon three times is set aside.
  render_tries INTEGER NOT NULL DEFAULT 0,
  basis INTEGER NOT NULL REFERENCES basis(n)
) STRICT;
CREATE INDEX letter_notification ON letter(notification);
CREATE TABLE delivery(
  id TEXT PRIMARY KEY,
  letter TEXT NOT NULL REFERENCES letter(id),
  notification TEXT REFERENCES notification(id),
  cause TEXT NOT NULL UNIQUE,
  lane INTEGER NOT NULL,
  route TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued','sending','in_doubt','relayed','delivered','delayed','failed','held','cancelled')),
  last_safe_at INTEGER,
  not_before INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- Of no use after that: a nudge is for its day.
  not_after INTEGER,
  lease INTEGER NOT NULL DEFAULT 0,
  incarnation INTEGER,
  quarantined INTEGER NOT NULL DEFAULT 0
) STRICT;
-- With the id, the whole order in which deliveries are claimed: many share their last safe moment, and a
-- claim must not sort them all.
CREATE INDEX delivery_next ON delivery(route, lane, last_safe_at, id) WHERE state IN ('queued','in_doubt') AND quarantined = 0;
-- What is new and what was tried before are apart: where only scouts go, whoever looks for the one must not
-- walk through all of the other.
CREATE INDEX delivery_due ON delivery(route, not_before, lane) WHERE state IN ('queued','in_doubt') AND quarantined = 0 AND attempts = 0;
CREATE INDEX delivery_again ON delivery(route, not_before, lane, last_safe_at) WHERE state IN ('queued','in_doubt') AND quarantined = 0 AND attempts > 0;
CREATE INDEX delivery_few ON delivery(route, lane, last_safe_at, id) WHERE state IN ('queued','in_doubt') AND quarantined = 0 AND attempts IN (1,2);
CREATE INDEX delivery_sending ON delivery(incarnation) WHERE state = 'sending';
CREATE INDEX delivery_notification ON delivery(notification);
CREATE INDEX delivery_letter ON delivery(letter);
CREATE INDEX delivery_held ON delivery(last_safe_at) WHERE state = 'held' OR quarantined = 1;
CREATE TABLE attempt(
  delivery TEXT NOT NULL REFERENCES delivery(id),
  n INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  result TEXT CHECK (result IN ('done','later','never','unknown')),
  phase TEXT,
  code INTEGER,
  enhanced TEXT,
  tls TEXT,
  chain_digest BLOB,
  words TEXT REFERENCES item(id),
  PRIMARY KEY(delivery, n)
) STRICT;
CREATE INDEX attempt_open ON attempt(delivery) WHERE ended_at IS NULL;
CREATE INDEX attempt_started ON attempt(started_at);

-- A mailbox is nudged once a day; the digest is keyed. Several cases share one nudge.
CREATE TABLE nudge(
  mailbox BLOB NOT NULL,
  day TEXT NOT NULL,
  letter TEXT NOT NULL REFERENCES letter(id),
  PRIMARY KEY(mailbox, day)
) STRICT;
CREATE TABLE letter_member(
  letter TEXT NOT NULL REFERENCES letter(id),
  notification TEXT NOT NULL REFERENCES notification(id),
  PRIMARY KEY(letter, notification)
) STRICT;

-- back in
CREATE TABLE inbound(
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  source_key TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  raw TEXT NOT NULL REFERENCES item(id),
  envelope TEXT NOT NULL REFERENCES item(id),
  size_bytes INTEGER NOT NULL,
  -- Committed before parsing: a mail that stops the daemon three times is set aside.
  parse_tries INTEGER NOT NULL DEFAULT 0,
  kind TEXT,
  verdict TEXT,
  strength TEXT,
  letter TEXT REFERENCES letter(id),
  notification TEXT REFERENCES notification(id),
  contact TEXT,
  settled_at INTEGER,
  -- Once a person has read it: who, when and as what.
  read_by TEXT,
  read_at INTEGER,
  read_as TEXT,
  UNIQUE(source, source_key)
) STRICT;
CREATE INDEX inbound_open ON inbound(parse_tries, received_at, id) WHERE settled_at IS NULL;
CREATE INDEX inbound_contact ON inbound(contact, received_at) WHERE contact IS NOT NULL;
CREATE INDEX inbound_unread ON inbound(notification, id) WHERE read_by IS NULL;
-- how far a mailbox is read: by IMAP its last UID, by POP3 the unique ids of the mails that are in it
CREATE TABLE mailbox(
  name TEXT PRIMARY KEY,
  uidvalidity INTEGER NOT NULL,
  last_uid INTEGER NOT NULL
) STRICT;
CREATE TABLE mailbox_mail(
  mailbox TEXT NOT NULL,
  uidl TEXT NOT NULL,
  -- Not whole: the mail was left there, and a note kept in its stead. It is never deleted.
  whole INTEGER NOT NULL,
  PRIMARY KEY(mailbox, uidl)
) STRICT, WITHOUT ROWID;

-- people
CREATE TABLE task(
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  notification TEXT REFERENCES notification(id),
  subject TEXT NOT NULL,
  force TEXT,
  opened_at INTEGER NOT NULL,
  wanted_by INTEGER NOT NULL,
  claimed_by TEXT,
  claimed_at INTEGER,
  settled_at INTEGER,
  settled_by TEXT,
  settlement TEXT,
  -- a call's, keyed digest: the number that was wrong
  number BLOB
) STRICT;
CREATE UNIQUE INDEX task_open ON task(kind, subject) WHERE settled_at IS NULL;
CREATE INDEX task_board ON task(wanted_by) WHERE settled_at IS NULL;
CREATE INDEX task_settled ON task(subject) WHERE settled_at IS NOT NULL;
-- The notifications a task is about: a call is one for all children of a school.
CREATE TABLE task_member(
  task TEXT NOT NULL REFERENCES task(id),
  notification TEXT NOT NULL REFERENCES notification(id),
  PRIMARY KEY(task, notification)
) STRICT;
CREATE INDEX task_member_notification ON task_member(notification);

-- directory: a row lives from one version to the next change; nothing is copied, nothing is edited
-- SHA-256(previous digest || canonical change list)
CREATE TABLE directory_version(
  n INTEGER PRIMARY KEY,
  proposal TEXT NOT NULL,
  live_at INTEGER NOT NULL,
  proposed_by TEXT NOT NULL,
  approved_by TEXT,
  digest BLOB NOT NULL
) STRICT;
CREATE TABLE proposal(
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  base_version INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open','approved','rejected','stale')),
  decided_by TEXT,
  warnings BLOB,
  CHECK (decided_by IS NULL OR decided_by <> by_whom)
) STRICT;
CREATE TABLE proposal_change(
  proposal TEXT NOT NULL REFERENCES proposal(id),
  n INTEGER NOT NULL,
  entity TEXT NOT NULL,
  key TEXT NOT NULL,
  before BLOB,
  after BLOB,
  PRIMARY KEY(proposal, n)
) STRICT;
CREATE TABLE school(
  urn TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  la_code TEXT,
  status TEXT NOT NULL,
  low_age INTEGER,
  high_age INTEGER,
  town TEXT,
  postcode TEXT,
  telephone TEXT,
  PRIMARY KEY(urn, from_version)
) STRICT;
CREATE INDEX school_live ON school(urn) WHERE to_version IS NULL;
CREATE TABLE school_link(
  urn TEXT NOT NULL,
  other TEXT NOT NULL,
  kind TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER,
  PRIMARY KEY(urn, other, kind, from_version)
) STRICT;
-- urn: a URN, or la:881 for the authority's contacts for children without a school.
CREATE TABLE contact(
  id TEXT NOT NULL,
  urn TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER,
  role TEXT NOT NULL,
  rank INTEGER NOT NULL,
  route TEXT NOT NULL,
  address_digest BLOB NOT NULL,
  detail TEXT NOT NULL REFERENCES item(id),
  valid_from TEXT,
  valid_to TEXT,
  PRIMARY KEY(id, from_version)
) STRICT;
CREATE INDEX contact_live ON contact(urn) WHERE to_version IS NULL;
CREATE INDEX contact_address ON contact(address_digest) WHERE to_version IS NULL;
-- scope: urn:123456, la:881, or bank for bank holidays.
CREATE TABLE calendar_row(
  scope TEXT NOT NULL,
  kind TEXT NOT NULL,
  start TEXT NOT NULL,
  "end" TEXT NOT NULL,
  source TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER,
  PRIMARY KEY(scope, kind, start, "end", from_version)
) STRICT;
-- suspensions of addresses and routes, absences: narrows at once, outside the versions
CREATE TABLE block(
  id TEXT PRIMARY KEY,
  what TEXT NOT NULL,
  target TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  by_whom TEXT NOT NULL,
  -- An operator's reason, a word; and what they typed.
  reason TEXT,
  note TEXT REFERENCES item(id),
  lifted_at INTEGER
) STRICT;
CREATE INDEX block_live ON block(what, target) WHERE lifted_at IS NULL;
-- when a route's relay was last found away, so that what waits for it is not taken for stuck
CREATE TABLE route_away(
  route TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL
) STRICT;
CREATE TABLE day_hours(
  scope TEXT NOT NULL,
  start TEXT NOT NULL,
  home_time TEXT NOT NULL,
  phone_from TEXT NOT NULL,
  phone_to TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER,
  PRIMARY KEY(scope, from_version)
) STRICT;
CREATE TABLE participation(
  urn TEXT NOT NULL,
  signed_up_on TEXT NOT NULL,
  agreement TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER,
  PRIMARY KEY(urn, from_version)
) STRICT;

-- posts of known forces that were refused: kept seven days, for the desk to complete
CREATE TABLE refused_post(
  id TEXT PRIMARY KEY,
  force TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  code TEXT NOT NULL,
  body TEXT NOT NULL REFERENCES item(id),
  until INTEGER NOT NULL
) STRICT;
CREATE INDEX refused_post_until ON refused_post(until);

-- alarms: they name routes, ids of ours and forces
CREATE TABLE alarm(
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  -- Told by mail, then by the webhook.
  mailed_at INTEGER,
  hooked_at INTEGER,
  claimed_by TEXT,
  claimed_at INTEGER,
  cleared_at INTEGER
) STRICT;
CREATE UNIQUE INDEX alarm_open ON alarm(kind, subject) WHERE cleared_at IS NULL;

-- the writer proves that it can commit before the watchdog is fed
CREATE TABLE heartbeat(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  n INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
