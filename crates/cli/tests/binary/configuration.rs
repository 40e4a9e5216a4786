//! Flags, environment and file as a user of the binary meets them: `--check`, exit codes, error texts.

use super::process::{Folder, serve, text};

#[test]
fn without_any_settings_check_prints_the_defaults_and_succeeds() {
    let output = serve(&Folder::new()).arg("--check").output().unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let settings: toml::Table = toml::from_str(&stdout).unwrap();
    assert_eq!(settings["keep_alive"].as_str(), Some("10s"));
    assert_eq!(settings["message_buffer"].as_integer(), Some(1000));
    assert!(stdout.lines().all(|line| line.starts_with('#') || line.ends_with("# default")), "{stdout}");
}

#[test]
fn a_flag_beats_the_environment_and_the_environment_beats_the_file() {
    let file = "keep_alive = \"4s\"\nlong_poll_delay = \"1s\"\nmessage_buffer = 40\n";
    let folder = Folder::with_file("heliostat.toml", file);
    let output = serve(&folder)
        .env("HELIOSTAT_KEEP_ALIVE", "5s")
        .env("HELIOSTAT_LONG_POLL_DELAY", "2s")
        .args(["--check", "--keep-alive", "6s"])
        .output()
        .unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let line = |key: &str| {
        let line = stdout.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("keep_alive"), "keep_alive = \"6s\" # flag --keep-alive");
    let variable = "environment variable HELIOSTAT_LONG_POLL_DELAY";
    assert_eq!(line("long_poll_delay"), format!("long_poll_delay = \"2s\" # {variable}"));
    assert_eq!(line("message_buffer ="), "message_buffer = 40 # heliostat.toml, line 3");
}

#[test]
fn what_check_prints_is_a_file_that_means_the_same() {
    let folder = Folder::new();
    let (first, _) = text(&serve(&folder).args(["--check", "--disconnect-timeout", "60s"]).output().unwrap());
    let folder = Folder::with_file("printed.toml", &first);
    let output = serve(&folder).args(["--check", "--config", "printed.toml"]).output().unwrap();
    let (second, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let read = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
    assert_eq!(read(&first), read(&second));
}

/// Runs `--check` and returns what it complains about; the exit code must be 2.
fn refusal(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let folder = Folder::with_file("heliostat.toml", file);
    let output = serve(&folder).arg("--check").envs(variables.iter().copied()).args(flags).output().unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert_eq!(stdout, "");
    stderr
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let stderr = refusal("keep_alife = \"5s\"", &[], &[]);
    assert!(stderr.contains("heliostat.toml, line 1: there is no setting `keep_alife`"), "{stderr}");
    assert!(stderr.contains("did you mean `keep_alive`?"), "{stderr}");
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest_name() {
    let stderr = refusal("", &[], &["--keep-alife", "5s"]);
    assert!(stderr.contains("'--keep-alive'"), "{stderr}");
}

#[test]
fn a_bad_duration_is_refused_and_its_place_is_named() {
    let why = "a duration needs a unit; write \"10s\" for seconds or \"10ms\" for milliseconds\n";
    let cases = [
        refusal("keep_alive = 10", &[], &[]),
        refusal("", &[("HELIOSTAT_KEEP_ALIVE", "10")], &[]),
        refusal("", &[], &["--keep-alive=10"]),
        refusal("", &[], &["--keep-alive", "10"]),
    ];
    let places = [
        "heliostat.toml, line 1",
        "environment variable HELIOSTAT_KEEP_ALIVE",
        "flag --keep-alive",
        "flag --keep-alive",
    ];
    for (stderr, place) in cases.iter().zip(places) {
        assert!(stderr.starts_with(&format!("error: {place}: keep_alive = ")), "{stderr}");
        assert!(stderr.ends_with(why), "{stderr}");
    }
}

#[test]
fn cp_211_a_keep_alive_that_is_too_long_is_refused_with_the_value_to_use() {
    let stderr = refusal("", &[], &["--keep-alive", "11s"]);
    assert!(stderr.starts_with("error: flag --keep-alive: keep_alive: "), "{stderr}");
    assert!(stderr.contains("use 10s or less, or \"off\""), "{stderr}");
}

#[test]
fn a_file_that_was_named_must_exist() {
    let stderr = refusal("", &[], &["--config", "missing.toml"]);
    assert!(stderr.contains("cannot read missing.toml"), "{stderr}");
}

#[test]
fn a_bad_address_is_refused_with_one_that_works() {
    let stderr = refusal("", &[], &["--listen", "8080"]);
    assert!(stderr.contains("\"127.0.0.1:8080\""), "{stderr}");
}
