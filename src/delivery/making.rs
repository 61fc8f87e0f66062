//! Making a claimed letter or note: from what the store opened to signed bytes.

use crate::letter::{self, LetterFault, LetterInput, NoteInput, ReplyToken, Signer, Templates};
use crate::referral::deadline::Deadline;
use crate::referral::london;
use crate::referral::policy::Policy;
use crate::referral::post::ForceName;
use crate::seal::random;
use crate::store::{Claim, Job, LetterJob, LetterWork, NoteJob, SignedLetter};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// The profile that is recorded of a note: it has none of a letter's.
const NOTE: &str = "note";

/// What letters and notes are made with.
#[derive(Debug)]
pub struct Maker {
    /// Signs.
    pub signer: Signer,
    /// Words.
    pub templates: Templates,
    /// From, reply address, host name.
    pub settings: letter::Settings,
    /// The policy of each force.
    pub policies: HashMap<ForceName, Arc<Policy>>,
}

/// Why a letter could not be made. Never says what it would have said.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMade {
    #[error("the force has no policy any more")]
    NoPolicy,
    #[error("the referral holds no child")]
    NoChild,
    #[error("no random bytes")]
    NoRandom,
    #[error(transparent)]
    Letter(#[from] LetterFault),
}

impl NotMade {
    /// Whether no letter can be made at present, this one or another: that sets none of them aside.
    pub(super) fn concerns_all(&self) -> bool {
        match self {
            Self::NoPolicy | Self::NoRandom => true,
            Self::NoChild => false,
            Self::Letter(fault) => match fault {
                LetterFault::Zone(_) | LetterFault::Sign(_) => true,
                LetterFault::Office
                | LetterFault::Date
                | LetterFault::MessageId
                | LetterFault::ReplyTo
                | LetterFault::Template(_)
                | LetterFault::NotCanonical(_)
                | LetterFault::TooLarge => false,
            },
        }
    }
}

impl Maker {
    /// Renders and signs. Takes some milliseconds of processor time.
    pub(super) fn make(
        &self,
        claim: &Claim,
        work: &LetterWork,
        job: &Job,
        plus_addressing: bool,
        now: Timestamp,
    ) -> Result<SignedLetter, NotMade> {
        let (made, profile) = match job {
            Job::Letter(job) => self.letter(work, job, plus_addressing, now)?,
            Job::Note(job) => (self.note(work, job, plus_addressing, now)?, NOTE),
        };
        Ok(SignedLetter {
            letter: claim.letter,
            bytes: made.bytes,
            digest: made.digest,
            signer: made.signer,
            profile,
        })
    }

    fn letter(
        &self,
        work: &LetterWork,
        job: &LetterJob,
        plus_addressing: bool,
        now: Timestamp,
    ) -> Result<(letter::SignedLetter, &'static str), NotMade> {
        let policy = self.policies.get(&job.force).ok_or(NotMade::NoPolicy)?;
        let child = job.referral.children.first().ok_or(NotMade::NoChild)?;
        let deadline = deadline_of(job);
        let n_of_m = job.case.n_of_m;
        let input = LetterInput {
            referral: &job.referral,
            child,
            policy,
            school_name: &job.school_name,
            to_name: &work.contact.name,
            to: &work.contact.address,
            role: work.contact.role,
            also_held_by: &job.also_held_by,
            reference: &job.reference,
            n_of_m: (small(n_of_m.0), small(n_of_m.1)),
            deadline: &deadline,
            staff_back_on: staff_back_on(job, now),
            token: &ReplyToken(work.token.clone()),
            plus_addressing,
            message_id: &job.message_id,
            at: now,
        };
        let random = random().map_err(|_| NotMade::NoRandom)?;
        let (templates, settings) = (&self.templates, &self.settings);
        let made = letter::make(&self.signer, templates, settings, &input, random)?;
        Ok((made, policy.profile.word()))
    }

    fn note(
        &self,
        work: &LetterWork,
        job: &NoteJob,
        plus_addressing: bool,
        now: Timestamp,
    ) -> Result<letter::SignedLetter, NotMade> {
        let policy = self.policies.get(&job.force).ok_or(NotMade::NoPolicy)?;
        let input = NoteInput {
            says: job.says,
            policy,
            school_name: &job.school_name,
            to: &work.contact.address,
            role: work.contact.role,
            reference: &job.reference,
            token: &ReplyToken(work.token.clone()),
            plus_addressing,
            message_id: &job.message_id,
            at: now,
        };
        let random = random().map_err(|_| NotMade::NoRandom)?;
        let (templates, settings) = (&self.templates, &self.settings);
        Ok(letter::make_note(
            &self.signer,
            templates,
            settings,
            &input,
            random,
        )?)
    }
}

/// The clocks as they were set when the referral was accepted.
fn deadline_of(job: &LetterJob) -> Deadline {
    Deadline {
        due_at: job.case.due_at,
        act_by: job.case.act_by,
        pupil_day: london::civil(job.case.due_at).date(),
        assumed: job.case.assumed,
        late_on_arrival: job.case.late_on_arrival,
        reasons: job.case.due_reasons.clone(),
    }
}

/// In a holiday the subject asks for an answer when staff are back.
fn staff_back_on(job: &LetterJob, now: Timestamp) -> Option<jiff::civil::Date> {
    let back = job.case.staff_back_at.filter(|back| now < *back)?;
    Some(london::civil(back).date())
}

fn small(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
