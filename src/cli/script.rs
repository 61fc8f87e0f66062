//! The script of a call (`letters.md`, the call), for who has taken it on: whom to ask for, what to ask
//! first, and the message only once the child is said to be on the roll.

use super::texts::{harmless, list, of};
use serde_json::Value;
use std::fmt::{self, Write};

/// Writes it, with what is known of this call filled in.
pub(super) fn write(text: &mut String, found: &Value, call: &Value) -> fmt::Result {
    let (name, force) = (of(found, "/operator"), of(found, "/force_name"));
    let (desk, task) = (of(found, "/desk_phone"), of(call, "/task"));
    let asked_for = key_adult(call);
    writeln!(
        text,
        "1. \"This is {name} from {force}. May I speak to {asked_for}?"
    )?;
    writeln!(
        text,
        "   It is a message for the safeguarding lead; I cannot say more.\""
    )?;
    writeln!(
        text,
        "   Leave nothing on voicemail; name neither the scheme nor a child."
    )?;
    writeln!(
        text,
        "   Not there: a deputy, the head; else \"please ring {desk} and say {}\".",
        references(call)
    )?;
    writeln!(
        text,
        "2. Name and role? \"Please read me the two words on your card.\""
    )?;
    match of(call, "/word") {
        "matches" => writeln!(text, "   The words match.")?,
        "differs" if tries_left(call) > 0 => {
            writeln!(
                text,
                "   THE WORDS DO NOT MATCH: ask for them again, and tell nobody before they do."
            )?;
            return writeln!(text, "   firstbell call word {task}");
        }
        "differs" => {
            writeln!(text, "   THE WORDS DO NOT MATCH: go no further.")?;
            return writeln!(text, "   firstbell call outcome {task} will_not_talk");
        }
        _ => writeln!(text, "   firstbell call word {task}")?,
    }
    writeln!(text, "3. \"Can you be overheard? I will wait.\"")?;
    for child in list(call, "/children") {
        one_child(text, child, task)?;
    }
    writeln!(
        text,
        "7. \"You will find the same in your secure mailbox, and a note that we spoke.\""
    )
}

fn one_child(text: &mut String, child: &Value, task: &str) -> fmt::Result {
    let (given, family) = (
        of(child, "/child/given_name"),
        of(child, "/child/family_name"),
    );
    let (id, reference) = (of(child, "/notification"), of(child, "/reference"));
    let born = of(child, "/child/date_of_birth");
    let (given, family) = (harmless(given), harmless(family));
    writeln!(
        text,
        "4. \"Do you have {given} {family}, born {born}, on your roll?\""
    )?;
    let Some(code) = child.get("code").and_then(Value::as_str) else {
        writeln!(
            text,
            "   firstbell call roll {task} yes|no --notification {id}"
        )?;
        return writeln!(
            text,
            "   No: \"please keep that name to yourself\", and stop."
        );
    };
    writeln!(text, "5. They are. The message:")?;
    for line in list(child, "/message") {
        let (name, said) = (of(line, "/name"), of(line, "/text"));
        writeln!(text, "     {}: {}", name.replace('_', " "), harmless(said))?;
    }
    writeln!(
        text,
        "6. \"Please read back the surname, the day and these:\" {reference}, {code}."
    )
}

fn tries_left(call: &Value) -> u64 {
    let left = call.get("word_tries_left").and_then(Value::as_u64);
    left.unwrap_or(0)
}

/// The first who may be spoken to.
fn key_adult(call: &Value) -> &str {
    let spoken_to = |contact: &&Value| {
        let not = contact.get("do_not_speak_to").and_then(Value::as_bool);
        not != Some(true) && of(contact, "/role") != "office"
    };
    // The numbers of a conflict are the register's and the authority's, not this contact's.
    let conflict = call.get("conflict").and_then(Value::as_bool) == Some(true);
    let mut contacts = list(call, "/contacts").iter();
    let contact = contacts.find(spoken_to).filter(|_| !conflict);
    contact.map_or("the head", |contact| of(contact, "/name"))
}

fn references(call: &Value) -> String {
    let children = list(call, "/children").iter();
    let references: Vec<&str> = children.map(|child| of(child, "/reference")).collect();
    references.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(call: &Value) -> String {
        let found = json!({
            "operator": "Jo Bloggs", "force_name": "Essex Police", "desk_phone": "01245 000000",
        });
        let mut text = String::new();
        write(&mut text, &found, call).unwrap();
        text
    }

    #[test]
    fn the_message_and_the_code_stand_behind_the_roll_question() {
        let mut call = json!({
            "task": "tsk_1", "word": null,
            "contacts": [
                {"role": "key_adult", "name": "Grace Amadi", "do_not_speak_to": true},
                {"role": "deputy", "name": "Piotr Zielinski", "do_not_speak_to": false},
            ],
            "children": [{
                "notification": "ntf_1", "reference": "7KQ2-M4XD",
                "child": {"given_name": "Amelia", "family_name": "Okafor", "date_of_birth": "2016-03-12"},
            }],
        });
        let before = written(&call);
        assert!(before.contains("speak to Piotr Zielinski"), "{before}");
        assert!(before.contains("firstbell call word tsk_1"), "{before}");
        let roll = "call roll tsk_1 yes|no --notification ntf_1";
        assert!(before.contains(roll), "{before}");
        assert!(!before.contains("The message"), "{before}");
        call["children"][0]["code"] = json!("0412");
        call["children"][0]["message"] = json!([{"name": "what", "text": "lives there"}]);
        call["word"] = json!("matches");
        let after = written(&call);
        assert!(after.contains("The words match."), "{after}");
        assert!(after.contains("what: lives there"), "{after}");
        assert!(after.contains("7KQ2-M4XD, 0412."), "{after}");
        call["word"] = json!("differs");
        let stopped = written(&call);
        assert!(stopped.contains("go no further"), "{stopped}");
        assert!(!stopped.contains("Amelia") && !stopped.contains("0412"));
    }
}
