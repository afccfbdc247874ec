//! Why an entry counts, does not count or is held: the words of `active-minutes/1`.

use wom_sdk::rules::Reason;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident, $code:literal, $hold:literal, $en:literal, $it:literal;)+) => {
        $($(#[doc = $doc])+ pub static $name: Reason = Reason { code: $code, en: $en, it: $it };)+

        /// Every reason, with whether it holds the entry for a person to look at.
        pub static ALL: &[(&Reason, bool)] = &[$((&$name, $hold),)+];
    };
}

reasons! {
    /// Short step records reached the moderate cadence.
    BRISK_MINUTES, "brisk_minutes", false,
        "the steps make brisk minutes, and those count",
        "i passi formano minuti a passo svelto, che contano";
    /// Short step records reached the vigorous cadence.
    VIGOROUS_MINUTES, "vigorous_minutes", false,
        "the steps make vigorous minutes; they count like brisk ones",
        "i passi formano minuti intensi, che contano come quelli a passo svelto";
    /// A long step record, by its step budget.
    STEP_BUDGET, "step_budget", false,
        "the record is too long to tell the minutes apart, so every full measure of brisk steps counts as one minute",
        "la registrazione è troppo lunga per distinguere i minuti, perciò ogni quota intera di passi svelti vale un minuto";
    /// A session by its timer.
    SESSION, "session", false,
        "the recorded session counts for as long as it lasted",
        "la sessione registrata conta per tutta la sua durata";
    /// A session of known length at an unknown place within its envelope.
    SESSION_SECONDS, "session_seconds", false,
        "the time that was active within the session counts",
        "il tempo attivo all'interno della sessione conta";
    /// A milestone, the first time.
    MILESTONE, "milestone", false,
        "the milestone counts once",
        "il traguardo conta una volta";
    /// The same milestone again.
    MILESTONE_AGAIN, "milestone_again", false,
        "the milestone was reached before and counts only the first time",
        "il traguardo era già stato raggiunto e conta solo la prima volta";
    /// Short step records below the moderate cadence.
    TOO_SLOW, "too_slow", false,
        "there are too few steps in each minute for a brisk walk",
        "in ogni minuto ci sono troppo pochi passi per una camminata svelta";
    /// A long record below the floor.
    SLOW_ON_AVERAGE, "slow_on_average", false,
        "the record's average pace is below that of purposeful walking",
        "il ritmo medio della registrazione è inferiore a quello di una camminata vera e propria";
    /// A long record of which less than one minute is left.
    UNDER_A_MINUTE, "under_a_minute", false,
        "the steps do not add up to one brisk minute",
        "i passi non bastano per un minuto a passo svelto";
    /// Another source was chosen for all of its minutes.
    OTHER_SOURCE, "other_source", false,
        "another device counted steps at the same time, and only one of them is used",
        "un altro dispositivo ha contato i passi nello stesso momento e se ne usa uno solo";
    /// A record of zero steps.
    NO_STEPS, "no_steps", false,
        "the record holds no steps",
        "la registrazione non contiene passi";
    /// A kind that is not in the list.
    KIND_NOT_COUNTED, "kind_not_counted", false,
        "this kind of activity is not one of those that count here",
        "questo tipo di attività non è tra quelli che contano qui";
    /// A session indoors.
    INDOOR_NOT_COUNTED, "indoor_not_counted", false,
        "sessions indoors or in a virtual world do not count here by their timer",
        "le sessioni al chiuso o virtuali qui non contano in base al cronometro";
    /// Typed in.
    MANUAL, "manual", false,
        "the record was typed in by hand and not measured",
        "la registrazione è stata inserita a mano e non misurata";
    /// Ends in the future.
    FUTURE, "future", false,
        "the record ends in the future; the device's clock may be wrong",
        "la registrazione finisce nel futuro; l'orologio del dispositivo potrebbe essere sbagliato";
    /// Longer than a day.
    TOO_LONG, "too_long", false,
        "the record is longer than 24 hours and says nothing about single minutes",
        "la registrazione dura più di 24 ore e non dice nulla sui singoli minuti";
    /// A body that these rules do not judge.
    NOT_USED, "not_used", false,
        "these rules do not use this kind of record",
        "queste regole non usano questo tipo di registrazione";
    /// Over 100,000 steps in a UTC day.
    IMPOSSIBLE_DAY, "impossible_day", false,
        "there are more steps in this day than anybody can walk",
        "in questo giorno ci sono più passi di quanti se ne possano fare";
    /// Over the greatest cadence, in one minute or on average.
    TOO_FAST, "too_fast", true,
        "there are more steps in a minute than anybody makes; somebody should look at it",
        "ci sono più passi al minuto di quanti se ne possano fare; qualcuno dovrebbe controllare";
    /// Over 220 steps a minute for 10 minutes, or 11,000 in an hour.
    TOO_FAST_FOR_LONG, "too_fast_for_long", true,
        "so fast a pace cannot be kept for so long; somebody should look at it",
        "un ritmo così veloce non si può tenere così a lungo; qualcuno dovrebbe controllare";
    /// Over 50,000 steps in a UTC day.
    MANY_STEPS, "many_steps", true,
        "there are unusually many steps in this day; somebody should look at it",
        "in questo giorno ci sono insolitamente molti passi; qualcuno dovrebbe controllare";
    /// Over 16 active hours in a UTC day.
    MANY_HOURS, "many_hours", true,
        "there are more than 16 active hours in this day; somebody should look at it",
        "in questo giorno ci sono più di 16 ore attive; qualcuno dovrebbe controllare";
    /// 30 minutes of the same rhythm.
    MACHINE_RHYTHM, "machine_rhythm", true,
        "the rhythm is as even as a machine's for half an hour; somebody should look at it",
        "il ritmo è regolare come quello di una macchina per mezz'ora; qualcuno dovrebbe controllare";
    /// Nothing but round numbers.
    ROUND_VALUES, "round_values", true,
        "all step counts of this day are round hundreds; somebody should look at it",
        "tutti i conteggi di passi di questo giorno sono centinaia tonde; qualcuno dovrebbe controllare";
    /// Many equal records.
    EQUAL_VALUES, "equal_values", true,
        "many records of this day have exactly the same number of steps; somebody should look at it",
        "molte registrazioni di questo giorno hanno esattamente lo stesso numero di passi; qualcuno dovrebbe controllare";
    /// A walk or run with hardly any steps.
    FEW_STEPS, "few_steps", true,
        "the walk or run has hardly any steps; somebody should look at it",
        "la camminata o la corsa ha pochissimi passi; qualcuno dovrebbe controllare";
}

/// Whether a reason holds its entry for a person to look at.
pub(super) fn holds(reason: &Reason) -> bool {
    ALL.iter()
        .any(|(other, hold)| *hold && std::ptr::eq(*other, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_name_and_both_languages() {
        let mut codes: Vec<_> = ALL.iter().map(|(reason, _)| reason.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
        for (reason, _) in ALL {
            assert!(
                reason.en != reason.it && !reason.en.ends_with('.'),
                "{}",
                reason.code
            );
        }
    }
}
