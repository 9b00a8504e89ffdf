//! Commands, with real child processes.

use std::path::Path;

use super::*;

const LONG: Millis = Millis(60_000);

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

fn go(script: &str, limit: Millis) -> Ended {
    run(&shell(script), limit, &AtomicBool::new(false)).unwrap()
}

/// Waits until a process group has ended; orphans are reaped by the system a moment later.
fn gone(pid_file: &Path) {
    let group: i32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while rustix::process::test_kill_process_group(Pid::from_raw(group).unwrap()).is_ok() {
        assert!(Instant::now() < until, "the group is still there");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_command_ends_well_or_with_its_code_and_its_last_words() {
    let Ended::ByItself { well, words, .. } = go("echo one; echo two >&2", LONG) else { panic!() };
    assert_eq!((well, words.as_str()), (true, "one two"));
    let Ended::ByItself { well, how, words } = go("echo no room >&2; exit 3", LONG) else { panic!() };
    assert_eq!((well, how.as_str(), words.as_str()), (false, "exit status: 3", "no room"));
}

#[test]
fn only_the_last_words_are_kept_however_much_is_written() {
    let Ended::ByItself { well, words, .. } = go("head -c 2000000 /dev/zero | tr '\\0' x; echo end", LONG) else {
        panic!()
    };
    assert!(well && words.len() <= LAST_WORDS && words.ends_with("xend"), "{} {words}", words.len());
}

#[test]
fn nothing_of_the_agents_environment_is_handed_on() {
    let Ended::ByItself { words, .. } = go("env | cut -d= -f1 | sort", LONG) else { panic!() };
    let names: Vec<&str> =
        words.split_whitespace().filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(names, ["LC_ALL", "PATH"]);
}

#[test]
fn when_time_is_over_the_whole_process_group_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    // Deaf to being asked, and with a child that outlives it.
    let script =
        format!("trap '' TERM; echo $$ >{0}; echo begun; (trap '' TERM; sleep 1000) & sleep 1000", file.display());
    let Ended::Late { words } = go(&script, Millis(700)) else { panic!() };
    assert_eq!(words, "begun");
    gone(&file);
}

#[test]
fn when_the_agent_stops_the_command_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, path) = (Arc::clone(&stop), file.clone());
    let stopper = thread::spawn(move || {
        while std::fs::read_to_string(&path).unwrap_or_default().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        flag.store(true, Ordering::Relaxed);
    });
    let script = format!("echo $$ >{}; sleep 1000", file.display());
    assert_eq!(run(&shell(&script), LONG, &stop).unwrap(), Ended::Stopped);
    stopper.join().unwrap();
    gone(&file);
}

#[test]
fn something_left_behind_does_not_hold_up_the_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let script = format!("echo $$ >{}; echo done; sleep 1000 &", file.display());
    let began = Instant::now();
    let Ended::ByItself { well, words, .. } = go(&script, LONG) else { panic!() };
    assert_eq!((well, words.as_str()), (true, "done"));
    assert!(began.elapsed() < Duration::from_secs(30));
    let group: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    kill_process_group(Pid::from_raw(group).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn what_cannot_be_started_is_said() {
    let error = run(&["/nonexistent/drain".to_owned()], LONG, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(run(&[], LONG, &AtomicBool::new(false)).is_err());
}
