//! Bugs that are planted to show that the checks see them.

/// A planted bug. Each lives in a thin wrapper around a part of production code, or in how parts
/// are put together: production code itself holds none of them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Bug {
    /// What was awarded so far is read once and kept in memory, outside the transaction.
    CapReadOutside,
    /// The number of an account's payment is read outside the transaction.
    CountReadOutside,
    /// A participant's version is not compared when accounts are written.
    VersionIgnored,
    /// An award is written whatever its version.
    AwardOverwritten,
    /// A checkout is written whatever its version, so two processes tell the same payment.
    CheckoutOverwritten,
    /// Accounts are written first, awards after.
    TwoWrites,
    /// A write is confirmed before it is on the disk.
    WriteNotSynced,
    /// What is accepted is only begun.
    AcceptedIsBegun,
    /// A delivery is marked as done before it is read.
    AcknowledgedBeforeProcessed,
    /// A withdrawal is not kept where there is nothing to withdraw yet.
    TombstoneDropped,
    /// The record that came last holds, whatever its revision.
    LastArrivalHolds,
    /// Nobody remembers when a day settles.
    WakeForgotten,
    /// Another root key is accepted.
    NewRootKeyAccepted,
    /// The cursor is written before what it stands behind.
    CursorBeforeCommit,
    /// A corrected record comes under a new key.
    KeyOfRevision,
    /// Overlapping records are added up.
    SumInsteadOfUnion,
    /// Whole minutes are taken of each record.
    FloorPerRecord,
    /// Days are the device's, not the campaign's.
    DayInRecordsZone,
    /// Days are judged as soon as they are over.
    SettledTooEarly,
    /// The cap is not applied.
    CapIgnored,
    /// After an unclear verify another code is made.
    CreateAgain,
    /// A code is handed over as soon as it is known.
    OfferBeforePersist,
    /// A code is taken for good without asking.
    VerifySkipped,
    /// A one-time call is sent again although its answer is there.
    OneTimeCallRepeated,
    /// A code is logged.
    CodeLogged,
    /// Nobody looks at a bill any more once it has run out.
    LatePaymentSwallowed,
    /// The answer to another question is taken for this one's.
    AnswersMixedUp,
    /// What a person refuses goes on all the same.
    RefusedGoesOn,
    /// What a person refuses goes on counting as awarded.
    RefusedSwallows,
    /// What was given back is given out again when its refusal is taken back.
    ReturnedAndAccepted,
    /// Two who judge one award at the same time are both heard.
    BothJudgesHeard,
    /// The receiver of claims says that it has them before it does.
    SinkAnswersEarly,
    /// The directory forgets now and then whose an account is.
    LinkForgotten,
    /// The key of a day is destroyed while what it sealed is open.
    KeyDestroyedEarly,
    /// A month is forgotten while something of it waits.
    MonthForgottenEarly,
    /// Observations of who is erased stay.
    ErasedIsKept,
}

impl Bug {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::CapReadOutside,
        Self::CountReadOutside,
        Self::VersionIgnored,
        Self::AwardOverwritten,
        Self::CheckoutOverwritten,
        Self::TwoWrites,
        Self::WriteNotSynced,
        Self::AcceptedIsBegun,
        Self::AcknowledgedBeforeProcessed,
        Self::TombstoneDropped,
        Self::LastArrivalHolds,
        Self::WakeForgotten,
        Self::NewRootKeyAccepted,
        Self::CursorBeforeCommit,
        Self::KeyOfRevision,
        Self::SumInsteadOfUnion,
        Self::FloorPerRecord,
        Self::DayInRecordsZone,
        Self::SettledTooEarly,
        Self::CapIgnored,
        Self::CreateAgain,
        Self::OfferBeforePersist,
        Self::VerifySkipped,
        Self::OneTimeCallRepeated,
        Self::CodeLogged,
        Self::LatePaymentSwallowed,
        Self::AnswersMixedUp,
        Self::RefusedGoesOn,
        Self::RefusedSwallows,
        Self::ReturnedAndAccepted,
        Self::BothJudgesHeard,
        Self::SinkAnswersEarly,
        Self::LinkForgotten,
        Self::KeyDestroyedEarly,
        Self::MonthForgottenEarly,
        Self::ErasedIsKept,
    ];

    /// The bug of this name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|bug| format!("{bug:?}") == name).copied()
    }

    /// What is wrong, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::CapReadOutside => "what was awarded is read outside the transaction",
            Self::CountReadOutside => "`n` is read outside the transaction",
            Self::VersionIgnored => "a participant's version is not compared",
            Self::AwardOverwritten => "an award's version is not compared",
            Self::CheckoutOverwritten => "a checkout's version is not compared",
            Self::TwoWrites => "accounts and awards in two writes",
            Self::WriteNotSynced => "a write is confirmed before it is on the disk",
            Self::AcceptedIsBegun => "what is accepted is lost with the power",
            Self::AcknowledgedBeforeProcessed => "acknowledged before it is processed",
            Self::TombstoneDropped => "a tombstone is dropped early",
            Self::LastArrivalHolds => "the last arrival holds, not the highest revision",
            Self::WakeForgotten => "the wake-up for settlement is forgotten",
            Self::NewRootKeyAccepted => "a new root key is accepted",
            Self::CursorBeforeCommit => "the cursor is written before the records",
            Self::KeyOfRevision => "a corrected record comes under a new key",
            Self::SumInsteadOfUnion => "sum instead of union",
            Self::FloorPerRecord => "whole minutes are taken of each record",
            Self::DayInRecordsZone => "the day is the record's zone's",
            Self::SettledTooEarly => "a day is judged without the settlement delay",
            Self::CapIgnored => "the cap is not applied",
            Self::CreateAgain => "another create after an unclear verify",
            Self::OfferBeforePersist => "a code is offered before it is written",
            Self::VerifySkipped => "a code is offered without a verify",
            Self::OneTimeCallRepeated => "a one-time call is sent twice",
            Self::CodeLogged => "a code gets into the log",
            Self::LatePaymentSwallowed => "no look at a bill that ran out",
            Self::AnswersMixedUp => "the answer to another question is believed",
            Self::RefusedGoesOn => "what was refused is paid",
            Self::RefusedSwallows => "what was refused goes on counting as awarded",
            Self::ReturnedAndAccepted => "a refusal is taken back after its minutes were returned",
            Self::BothJudgesHeard => "an award is judged twice at the same time",
            Self::SinkAnswersEarly => "a sink acknowledges claims before it has them",
            Self::LinkForgotten => "the directory forgets whose an account is",
            Self::KeyDestroyedEarly => "a day's key is destroyed while something open needs it",
            Self::ErasedIsKept => "observations stay of somebody who is erased",
            Self::MonthForgottenEarly => "a month is forgotten while something of it waits",
        }
    }
}
