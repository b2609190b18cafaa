use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn times(schedule: &Schedule, arrivals: Arrivals, seed: u64) -> Vec<Duration> {
    schedule.times(arrivals, seed).collect()
}

#[test]
fn a_constant_rate_is_exact_and_does_not_drift() {
    let schedule = Schedule::constant(250.0, 4 * SECOND).unwrap();
    let times = times(&schedule, Arrivals::Constant, 1);
    assert_eq!(times.len(), 1_000);
    for (number, at) in (0_u32..).zip(&times) {
        assert_eq!(*at, Duration::from_millis(4) * number);
    }
    let odd = Schedule::constant(3.0, 3_600 * SECOND).unwrap();
    let last = odd.times(Arrivals::Constant, 1).last().unwrap();
    assert!((last.as_secs_f64() - 10_799.0 / 3.0).abs() < 1e-6, "{last:?}");
}

#[test]
fn a_rate_below_one_a_second_is_kept_too() {
    let schedule = Schedule::constant(0.5, 4 * SECOND).unwrap();
    assert_eq!(times(&schedule, Arrivals::Constant, 1), [Duration::ZERO, 2 * SECOND]);
}

#[test]
fn gaps_of_independent_customers_have_the_mean_and_the_variance_of_an_exponential() {
    let (rate, seconds) = (500.0, 200_u32);
    let schedule = Schedule::constant(rate, seconds * SECOND).unwrap();
    let times = times(&schedule, Arrivals::Poisson, 42);
    let n = times.len() as f64;
    // The number is Poisson with 100,000: its standard deviation is 316. Four of them, for a fixed seed.
    assert!((n - 100_000.0).abs() < 4.0 * 316.3, "{n}");
    let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
    assert!((mean * rate - 1.0).abs() < 0.013, "{mean}");
    // The variance of an exponential is its mean squared; the standard error of its estimate is sqrt(8/n) of it.
    assert!((variance * rate * rate - 1.0).abs() < 4.0 * (8.0 / n).sqrt(), "{variance}");
}

#[test]
fn counts_of_equal_spans_have_the_variance_of_a_poisson() {
    let schedule = Schedule::constant(20.0, 1_000 * SECOND).unwrap();
    let mut counts = [0.0_f64; 1_000];
    for at in schedule.times(Arrivals::Poisson, 7) {
        counts[usize::try_from(at.as_secs()).unwrap()] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / 1_000.0;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 999.0;
    // The index of dispersion is 1, with a standard error of sqrt(2/999).
    assert!((variance / mean - 1.0).abs() < 4.0 * (2.0_f64 / 999.0).sqrt(), "{}", variance / mean);
}

#[test]
fn a_seed_gives_the_same_times_and_another_seed_others() {
    let schedule = Schedule::constant(100.0, SECOND).unwrap();
    let draw = |seed| times(&schedule, Arrivals::Poisson, seed);
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    assert!(draw(3).is_sorted());
}

#[test]
fn phases_follow_one_another() {
    let schedule = Schedule::constant(2.0, SECOND).unwrap().then(4.0, SECOND).unwrap();
    let expected = [0, 500, 1_000, 1_250, 1_500, 1_750].map(Duration::from_millis);
    assert_eq!(times(&schedule, Arrivals::Constant, 1), expected);
    assert_eq!(schedule.duration(), 2 * SECOND);
    assert!(times(&schedule, Arrivals::Poisson, 5).iter().all(|at| *at < 2 * SECOND));
}

#[test]
fn a_schedule_that_cannot_be_is_refused() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e7] {
        assert!(matches!(Schedule::constant(rate, SECOND), Err(ScheduleError::Rate(_))), "{rate}");
    }
    for duration in [Duration::ZERO, Duration::from_secs(86_401)] {
        assert_eq!(Schedule::constant(1.0, duration), Err(ScheduleError::Duration(duration)));
    }
}
