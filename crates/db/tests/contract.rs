//! What every executor and every database must hold to. Each rule is generic over how to open.
#![cfg(test)]

#[path = "contract/homes.rs"]
mod homes;
#[path = "contract/rules.rs"]
mod rules;
#[path = "contract/sent.rs"]
mod sent;

/// Runs every rule on every home.
macro_rules! hold {
    ($($rule:ident)*) => {
        mod threads {
            $(#[tokio::test]
            async fn $rule() {
                crate::rules::$rule(crate::homes::Threads::default()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $rule() {
                let Some(home) = crate::homes::Postgres::for_rule(concat!("postgres::", stringify!($rule)))
                else { return };
                crate::rules::$rule(home).await;
            })*
        }
        mod inline_in_a_file {
            $(#[tokio::test]
            async fn $rule() {
                crate::homes::for_seeds(|seed| crate::rules::$rule(crate::homes::Inline::file(seed))).await;
            })*
        }
    };
}

hold! {
    what_was_written_is_read
    values_come_back_as_they_went_in
    placeholders_are_bound_by_number
    values_must_match_the_placeholders
    an_error_rolls_back_its_own_closure_alone
    a_panic_rolls_back_its_own_closure_alone
    an_ignored_failed_statement_fails_the_closure
    a_broken_constraint_is_no_passing_error
    a_conflict_runs_the_closure_again
    a_lasting_conflict_reaches_the_caller
    a_handled_conflict_stands
    a_reader_cannot_write
    a_raise_follows_the_commit
    a_raise_of_a_failed_closure_is_lost
    a_closure_that_commits_fails_the_group
    a_closure_that_rolls_back_fails_the_group
    a_failed_commit_fails_the_group
    committed_closures_are_counted_by_kind
    a_group_that_writes_nothing_is_told_apart
    what_was_committed_is_there_after_reopening
    a_caller_that_gives_up_harms_no_other
    what_was_sent_is_there
    a_sent_conflict_runs_the_closure_again
    a_lasting_sent_conflict_reaches_the_caller
    a_sent_statement_that_fails_undoes_its_closure
    a_closure_that_fails_takes_back_what_it_sent
}
