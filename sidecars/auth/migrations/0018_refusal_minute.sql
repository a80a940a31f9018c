-- What is over is looked for at each sign-in that fails and each token that is refreshed, among all that is counted in the hour.
CREATE INDEX refusal_minute ON refusal (minute);
