//! Somebody who answers what the run asks: they look what really happened.

use super::world::Stage;
use crate::session;
use crate::store::{Answer, Question};

pub(super) fn act(stage: &mut Stage) {
    let Some(head) = stage.shelf.head() else {
        return;
    };
    let questions = stage.shelf.questions();
    let is_open = |asked: &&Question| asked.answer.is_none() && asked.step == head.step + 1;
    let Some(asked) = questions.iter().find(is_open) else {
        return;
    };
    let id = (asked.task, asked.name.clone(), asked.n);
    let happened = stage.outside.look(&id);
    let answer = match happened {
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
    stage.tally.answers += u64::from(stage.shelf.answer(answer, happened).is_ok());
}
