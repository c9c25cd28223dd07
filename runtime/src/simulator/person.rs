//! Somebody who answers what the run asks, after checking what really happened, and now and
//! then writes it down wrongly.

use super::dice::mix;
use super::world::Stage;
use crate::session;
use crate::store::{Answer, Question, QuestionKind};

pub(super) fn act(stage: &mut Stage) {
    let Some(head) = stage.shelf.head() else {
        return;
    };
    let questions = stage.shelf.questions();
    // Now and then somebody comes too late to what a node asks.
    let is_open = |asked: &&Question| {
        let may_be = asked.is_open() || asked.kind == QuestionKind::Interrupt;
        asked.step == head.step + 1 && may_be
    };
    let open: Vec<&Question> = questions.iter().filter(is_open).collect();
    if open.is_empty() {
        return;
    }
    let asked = open[stage.dice.index(open.len())];
    if asked.kind == QuestionKind::Interrupt {
        return tell(stage, &head.run, asked);
    }
    let id = (asked.task, asked.name.clone(), asked.n);
    let happened = stage.outside.look(&id);
    let is_misfit = stage.dice.one_in(stage.rates.misfits);
    let answer = match happened {
        _ if is_misfit => "{\"happened\":\"it did\"}".to_owned(),
        Some(answer) => format!("{{\"happened\":{answer}}}"),
        None if stage.outside.refuses(&id) => "{\"refused\":\"it will not do it\"}".to_owned(),
        None => "\"did_not_happen\"".to_owned(),
    };
    let effects = stage.shelf.effects();
    let open = effects
        .into_iter()
        .filter(|effect| effect.step == asked.step);
    let effect = match session::outcome(&head, asked, &answer, open.collect()) {
        Ok(effect) => effect,
        Err(error) => {
            let claim = "what is asked can be answered";
            return stage.shelf.watch.report(claim, error.to_string());
        }
    };
    let answer = Answer {
        effect: Some(effect),
        ..Answer::new(head.run, asked.id.clone(), answer)
    };
    // One that does not decode says nothing.
    let truth = (!is_misfit).then_some(happened);
    let is_taken = stage.shelf.answer(answer, truth).is_ok();
    stage.tally.answers += u64::from(is_taken);
    stage.tally.misfits += u64::from(is_taken && is_misfit);
}

/// Answers what a node asks with a number, or what is none.
fn tell(stage: &mut Stage, run: &str, asked: &Question) {
    let is_misfit = stage.dice.one_in(stage.rates.misfits);
    stage.told += 1;
    let answer = match is_misfit {
        true => "\"it depends\"".to_owned(),
        false => (mix(stage.told) >> 16).to_string(),
    };
    let answer = Answer::new(run, asked.id.clone(), answer);
    let is_taken = stage.shelf.tell(asked, answer).is_ok();
    stage.tally.told += u64::from(is_taken);
    stage.tally.misreads += u64::from(is_taken && is_misfit);
}
