use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use madang_load::{Arrivals, Choice, Mix, Schedule, Settings};

use crate::exit::Usage;
use crate::output::writable;
use crate::system;

/// The flags as they were written: they are read together, so that all that is wrong is told at once.
#[derive(Debug, Args)]
#[command(next_help_heading = "The load")]
pub(super) struct Flags {
    /// Calls a second
    #[arg(long, value_name = "PER_SECOND", default_value = "50", allow_hyphen_values = true)]
    rate: String,
    /// How long, such as 500ms, 30s, 2m or 1h
    #[arg(long, value_name = "DURATION", default_value = "30s", allow_hyphen_values = true)]
    duration: String,
    /// What is sent, by weights; browse lists, searches and reads products, search only searches, product only reads
    #[arg(long, value_name = "WEIGHTS", default_value = "order=1,browse=9")]
    mix: String,
    /// How calls are spread in time: constant gaps, or those of independent customers (poisson)
    #[arg(long, value_name = "ARRIVALS", default_value = "constant")]
    arrivals: String,
    /// The seed of times, kinds and products
    #[arg(long, value_name = "NUMBER", default_value = "1", allow_hyphen_values = true)]
    seed: String,
    /// Connections to the gateway, each used in turn
    #[arg(long, value_name = "NUMBER", default_value = "4", allow_hyphen_values = true)]
    connections: String,
    /// How long a call may take, with its retries
    #[arg(long, value_name = "DURATION", default_value = "5s", allow_hyphen_values = true)]
    deadline: String,
    /// Calls in flight at most; what comes beyond is not sent, and counted
    #[arg(long, value_name = "NUMBER", default_value = "1000", allow_hyphen_values = true)]
    in_flight: String,
    /// How often a call that ends in UNAVAILABLE, or is told to come again later, is sent again, with the same request_id
    #[arg(long, value_name = "NUMBER", default_value = "0", allow_hyphen_values = true)]
    retries: String,
    /// A product to look at and to order, PRODUCT=WEIGHT for more or less often; may be given more than once. All unless set
    #[arg(long = "product", value_name = "PRODUCT")]
    products: Vec<String>,
    /// How long orders are followed to their end after the load
    #[arg(long, value_name = "DURATION", default_value = "30s", allow_hyphen_values = true)]
    patience: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Spread {
    Constant,
    Poisson,
}

/// Up to here the time series has buckets of a tenth of a second.
const SHORT: Duration = Duration::from_secs(60);

impl Flags {
    /// The settings of a load on this gateway. The files are those that will be written, with their flags.
    ///
    /// # Errors
    /// [`Usage`] with all that is wrong.
    pub(super) fn settings(&self, gateway: String, files: &[(&str, &Option<PathBuf>)]) -> Result<Settings> {
        let mut wrong = Wrong::default();
        let rate = wrong.read("--rate", &self.rate, number::<f64>);
        let length = wrong.read("--duration", &self.duration, duration);
        // One that cannot be is told by what is wrong with it; meanwhile some other stands for it.
        let (some_rate, some_length) = (rate.unwrap_or(1.0), length.unwrap_or(SHORT));
        let schedule = wrong.keep("--rate, --duration", Schedule::constant(some_rate, some_length));
        let usual = Schedule::constant(1.0, SHORT)?;
        let mut settings = Settings::new(gateway, schedule.unwrap_or(usual), system::uuid());
        let mut kept = |flag, text: &str, slot: &mut Duration| {
            wrong.read(flag, text, duration).into_iter().for_each(|value| *slot = value);
        };
        kept("--deadline", &self.deadline, &mut settings.deadline);
        kept("--patience", &self.patience, &mut settings.patience);
        settings.mix = wrong.read("--mix", &self.mix, parsed::<Mix>).unwrap_or(settings.mix);
        settings.arrivals = wrong.read("--arrivals", &self.arrivals, arrivals).unwrap_or(settings.arrivals);
        settings.seed = wrong.read("--seed", &self.seed, number).unwrap_or(settings.seed);
        settings.connections =
            wrong.read("--connections", &self.connections, number).unwrap_or(settings.connections);
        settings.in_flight = wrong.read("--in-flight", &self.in_flight, number).unwrap_or(settings.in_flight);
        settings.retries = wrong.read("--retries", &self.retries, number).unwrap_or(settings.retries);
        let products = self.products.iter();
        settings.products = products.filter_map(|it| wrong.read("--product", it, parsed::<Choice>)).collect();
        settings.interval = Duration::from_millis(if some_length <= SHORT { 100 } else { 1_000 });
        settings.errors().into_iter().for_each(|error| wrong.0.push(error.to_string()));
        for (flag, file) in files {
            let file = file.as_ref().map(|file| file.display().to_string());
            file.into_iter().for_each(|file| wrong.read(flag, &file, writable).unwrap_or_default());
        }
        wrong.none_or(settings)
    }
}

/// What is wrong, each with its flag.
#[derive(Debug, Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn read<T>(&mut self, flag: &str, text: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.keep(flag, read(text).map_err(|error| format!("`{text}`: {error}")))
    }

    fn keep<T, E: Display>(&mut self, flag: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.0.push(format!("{flag}: {error}"))).ok()
    }

    fn none_or<T>(self, value: T) -> Result<T> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(Usage { command: "madang load", wrong: self.0 }.into()),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a number, such as 50".to_owned())
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn arrivals(text: &str) -> Result<Arrivals, String> {
    match Spread::from_str(text, true).map_err(|_| "write constant or poisson")? {
        Spread::Constant => Ok(Arrivals::Constant),
        Spread::Poisson => Ok(Arrivals::Poisson),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|it| Duration::try_from(it).ok());
    duration.ok_or_else(|| "write a duration, such as 500ms, 30s, 2m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn settings(args: &[&str]) -> Result<Settings> {
        let line = Line::try_parse_from([&["load"], args].concat()).unwrap();
        line.flags.settings("http://127.0.0.1:1".to_owned(), &[])
    }

    #[test]
    fn flags_say_what_the_load_is() {
        let args = "--rate 2.5 --duration 2m --mix order=1 --arrivals poisson --seed 7 --connections 2 --deadline 500ms \
            --in-flight 9 --retries 1 --product kite=2 --patience 1h";
        let settings = settings(&args.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(settings.schedule, Schedule::constant(2.5, Duration::from_secs(120)).unwrap());
        assert_eq!((settings.arrivals, settings.seed, settings.connections), (Arrivals::Poisson, 7, 2));
        assert_eq!(settings.deadline, Duration::from_millis(500));
        assert_eq!((settings.in_flight, settings.retries, settings.products.len()), (9, 1, 1));
        assert_eq!(settings.interval, Duration::from_secs(1));
        assert_eq!(settings.patience, Duration::from_secs(3_600));
    }

    #[test]
    fn without_flags_a_load_is_as_the_crate_has_it() {
        let settings = settings(&[]).unwrap();
        let usual = Settings::new("", settings.schedule.clone(), settings.run);
        assert_eq!((settings.mix, settings.arrivals, settings.seed), (usual.mix, usual.arrivals, usual.seed));
        assert_eq!((settings.deadline, settings.in_flight), (usual.deadline, usual.in_flight));
        assert_eq!((settings.connections, settings.retries), (usual.connections, usual.retries));
        assert_eq!((settings.patience, settings.products), (usual.patience, usual.products));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let args = "--rate -1 --duration soon --mix watch=1 --arrivals often --seed x --connections 0 --deadline 0s \
            --in-flight -1 --retries 99 --product Tea --patience 1d";
        let error = settings(&args.split_whitespace().collect::<Vec<_>>()).unwrap_err();
        let Usage { wrong, .. } = error.downcast_ref::<Usage>().unwrap();
        assert_eq!(wrong.len(), 11, "{wrong:#?}");
        for word in ["rate", "--duration", "--mix", "--arrivals", "--seed", "connections", "deadline"] {
            assert!(wrong.iter().any(|it| it.contains(word)), "{word}: {wrong:#?}");
        }
    }

    #[test]
    fn a_duration_has_a_unit() {
        let told = ["500ms", "1.5s", "2m", "1h"].map(|text| duration(text).unwrap().as_millis());
        assert_eq!(told, [500, 1_500, 120_000, 3_600_000]);
        for bad in ["", "s", "2", "-1s", "1d", "NaN", "inf", "1e300h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
