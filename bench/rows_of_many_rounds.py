"""The rows of `bench.many_rounds`, as SQL: what each statement writes, and the statement.

Whatever varies is drawn by hashes of ordinals, so that it is the same every time. Person number k of a round's crew is
person `(5 * round + k) mod people`; a pair's choices are by people who follow each other in the crew.
"""

CHANCE = """
    CREATE OR REPLACE FUNCTION pg_temp.chance(decided_by bigint) RETURNS float8 IMMUTABLE LANGUAGE sql
    RETURN (hashint8(decided_by) & 65535) / 65536.0
"""
PEOPLE = """
    INSERT INTO users (kind, role, handle, display_name, is_guest, email_verified, preferences, created_at)
    SELECT 'person', 'annotator', 'person ' || :study || '-' || number, 'Person ' || number, false, false, '{}',
           now() - interval '100 days'
    FROM generate_series(0, :people - 1) AS number ORDER BY number
"""
SESSIONS = """
    INSERT INTO web_sessions (token_sha256, user_id, agent, expires_at)
    SELECT encode(sha256(handle::bytea), 'hex'), id, 'Firefox', now() + interval '1 day' FROM users
    WHERE handle LIKE 'person ' || :study || '-%'
"""
PARTICIPATIONS = """
    INSERT INTO participations (study_id, user_id) SELECT :study, id FROM users
    WHERE handle LIKE 'person ' || :study || '-%' ORDER BY id
"""
BASE_MODELS = """
    INSERT INTO base_models (name, source, revision, family, prediction_type, token_limit, image_size, files,
                             files_sha256)
    SELECT 'Model ' || number, '/models/' || :study || '/' || number, '', 'sd1', 'epsilon', 77, 512, '{}', :sha256
    FROM generate_series(1, :beside) AS number
"""
MODEL_CHECKS = """
    INSERT INTO model_checks (name, source, revision, state, base_model_id, facts, ended_at)
    SELECT name, source, '', 'ready', id,
           '{"device": "cpu", "precision": "fp32", "parameters": 860000000, "memory_weights": 3400000000, "steps": 20,
             "memory_peak": 5200000000, "seconds": 2.0, "prompt": "cat", "bytes": 3400000000}', now()
    FROM base_models WHERE source LIKE '/models/' || :study || '/%'
"""
PROMPT_SETS = """
    INSERT INTO prompt_sets (name, version, sha256)
    SELECT 'Prompts ' || :study || ' ' || number, 1, :sha256 FROM generate_series(1, :beside) AS number
"""
PROMPTS = """
    INSERT INTO prompts (prompt_set_id, number, text, split, weight)
    SELECT prompt_sets.id, number, 'animal ' || number, 'both', 1
    FROM prompt_sets, generate_series(0, :prompts - 1) AS number WHERE name LIKE 'Prompts ' || :study || ' %'
"""
OTHER_STUDIES = """
    INSERT INTO studies (kind, name, question, base_model_id, prompt_set_id, seed, settings, preset, preset_sha256,
                         prompts_over_limit, auto_rounds)
    SELECT 'pair', 'Study ' || number, question, base_model_id, prompt_set_id, number, settings, preset, preset_sha256,
           '[]', 0
    FROM studies, generate_series(1, :beside) AS number WHERE id = :study
"""
OTHER_ROUNDS = """
    INSERT INTO rounds (study_id, kind, number, state, hold, settings, first_position, groups, ended_at)
    SELECT studies.id, 'preference', 1, 'complete', 'none', settings, 0, :pairs, now() FROM studies
    WHERE studies.id <> :study AND name LIKE 'Study %'
      AND NOT EXISTS (SELECT FROM rounds WHERE study_id = studies.id)
"""
INVITES = """
    INSERT INTO invites (token_sha256, name, role, study_id, needs_account, uses, expires_at)
    SELECT encode(sha256((:study || ' ' || number)::bytea), 'hex'), 'Invite ' || number, 'annotator', :study, false, 0,
           now() + interval '30 days'
    FROM generate_series(1, :beside) AS number
"""
INVITE_USES = """
    INSERT INTO invite_uses (invite_id, user_id)
    SELECT (SELECT min(id) FROM invites WHERE study_id = :study), user_id FROM participations WHERE study_id = :study
"""
WORKERS = """
    INSERT INTO workers (name, queue, device, version)
    SELECT 'worker ' || :study || '-' || number, 'accelerator', 'cuda', '0.1.0'
    FROM generate_series(1, :beside) AS number
"""
JUDGE = """
    INSERT INTO judges (name, unit, larger_is_better, about, queue)
    VALUES ('jpeg_compressibility', 'kB', false, '', 'accelerator')
    ON CONFLICT DO NOTHING
"""
TRIES = """
    INSERT INTO jobs (kind, queue, state, urgency, study_id, payload, attempt, failures, progress, ended_at)
    VALUES ('try_it', 'accelerator', 'done', 1, :study, '{}', 1, 0, '{}', now())
""", """
    INSERT INTO tries (base_model_id, study_id, job_id, prompt, seed, sampling, sampler, draws, pictures,
                       policies)
    SELECT base_model_id, studies.id, jobs.id, 'cat', 0, studies.settings -> 'sampling', 'study', 1, '[]', policies
    FROM studies JOIN jobs ON jobs.study_id = studies.id AND jobs.kind = 'try_it',
         (VALUES (NULL), (CAST('[[]]' AS jsonb))) AS kinds (policies)
    WHERE studies.id = :study ORDER BY policies NULLS FIRST
"""  # fmt: skip

ROUNDS_OF_STUDY = """
    INSERT INTO rounds (study_id, kind, number, state, hold, settings, first_position, groups, launched_at,
                        labeling_at, training_at, ended_at, trajectories_gone_at)
    SELECT studies.id, 'preference', number, CASE WHEN number = :rounds THEN 'labeling' ELSE 'complete' END, 'none',
           settings, (number - 1) * :pairs, :pairs, began, began + interval '1 minute',
           CASE WHEN number < :rounds THEN began + interval '50 minutes' END,
           CASE WHEN number < :rounds THEN began + interval '59 minutes' END,
           CASE WHEN number <= :rounds - 4 THEN began + interval '60 minutes' END
    FROM studies, generate_series(1, :rounds) AS number,
         LATERAL (SELECT now() - interval '40 minutes' - (:rounds - number) * interval '1 hour' AS began) AS then_
    WHERE studies.id = :study ORDER BY number
"""
THE_ROUNDS = """
    CREATE TEMPORARY TABLE the_rounds ON COMMIT DROP AS
    SELECT * FROM rounds WHERE study_id = :study AND kind = 'preference' ORDER BY number
""", """
    CREATE TEMPORARY TABLE complete_rounds ON COMMIT DROP AS SELECT * FROM the_rounds WHERE state = 'complete'
"""  # fmt: skip
CHUNKS = """
    INSERT INTO jobs (kind, queue, state, urgency, study_id, round_id, payload, attempt, failures, worker, progress,
                      claimed_at, ended_at)
    SELECT 'chunk', 'accelerator', 'done', 30, :study, rounds.id,
           jsonb_build_object('chunk', chunk, 'first_group', chunk * :chunk, 'batch', 16,
                              'groups', LEAST(:chunk, :pairs - chunk * :chunk)),
           1, 0, 'worker', '{"done": 100, "total": 100, "unit": "samples", "per_second": 3.0}',
           launched_at, launched_at + interval '1 minute'
    FROM the_rounds AS rounds, generate_series(0, (:pairs - 1) / :chunk) AS chunk ORDER BY rounds.number, chunk
"""
GROUPS = """
    INSERT INTO groups (study_id, round_id, job_id, prompt_id, number)
    SELECT :study, rounds.id, jobs.id, known.ids[1 + nth % array_length(known.ids, 1)], nth
    FROM the_rounds AS rounds
    JOIN jobs ON jobs.round_id = rounds.id AND jobs.kind = 'chunk',
         generate_series((payload ->> 'first_group')::int,
                         (payload ->> 'first_group')::int + (payload ->> 'groups')::int - 1) AS nth,
         (SELECT array_agg(prompts.id ORDER BY prompts.number) AS ids FROM prompts
          JOIN studies USING (prompt_set_id) WHERE studies.id = :study) AS known
    ORDER BY jobs.id, nth
"""
SAMPLES = """
    INSERT INTO samples (group_id, number, state, width, height, image_key, image_sha256, image_size, webp_key,
                         webp_sha256, webp_size, trajectory_key, trajectory_sha256, trajectory_size,
                         trajectory_removed_at)
    SELECT groups.id, sample, 'ready', 512, 512, name || '.png', :sha256, 400000, name || '.webp', :sha256, 60000,
           name || '.safetensors', :sha256, 660000,
           CASE WHEN rounds.number <= :rounds - 4 THEN rounds.ended_at END
    FROM the_rounds AS rounds JOIN groups ON groups.round_id = rounds.id, generate_series(0, 1) AS sample,
         LATERAL (SELECT 'studies/' || :study || '/rounds/' || rounds.number || '/chunks/' || groups.number || '-'
                         || sample AS name) AS named
    ORDER BY groups.id, sample
"""
PAIRS = """
    INSERT INTO pairs (round_id, group_id, first_id, second_id, state, filled, skipped, closed_at, distance, alike)
    SELECT rounds.id, groups.id, min(samples.id), max(samples.id), 'open', 0, 0, NULL, 0.02, false
    FROM the_rounds AS rounds JOIN groups ON groups.round_id = rounds.id JOIN samples ON samples.group_id = groups.id
    GROUP BY rounds.id, groups.id ORDER BY groups.id
"""
LEASES = """
    INSERT INTO leases (pair_id, user_id, purpose, first_on_left, given_at, expires_at)
    SELECT pairs.id,
           crew.ids[1 + (5 * rounds.number + (groups.number * :choices + nth) % LEAST(30, :people)) % :people],
           'counted', hashint8(pairs.id + nth) & 1 = 0, shown, shown
    FROM the_rounds AS rounds
    JOIN groups ON groups.round_id = rounds.id
    JOIN pairs ON pairs.group_id = groups.id,
         generate_series(0, :choices - 1) AS nth,
         (SELECT array_agg(user_id ORDER BY user_id) AS ids FROM participations WHERE study_id = :study) AS crew,
         LATERAL (SELECT rounds.labeling_at + (groups.number * :choices + nth) * interval '38 minutes'
                         / (CAST(:pairs AS float8) * :choices)
                         * CASE WHEN rounds.state = 'labeling' THEN 2.5 ELSE 1 END AS shown) AS t
    WHERE rounds.state = 'complete' OR groups.number * 5 < :pairs * 2
    ORDER BY pairs.id, nth
"""
UNCOUNTED = """
    INSERT INTO leases (pair_id, user_id, purpose, first_on_left, expected, given_at, expires_at)
    SELECT pair_id, user_id, kinds.purpose, NOT first_on_left, kinds.expected, given_at, expires_at
    FROM leases JOIN pairs ON pairs.id = pair_id JOIN rounds ON rounds.id = round_id
    JOIN (VALUES ('gold', 'first', 4), ('repeat', NULL, 6)) AS kinds (purpose, expected, turn) ON leases.id % 32 = turn
    WHERE study_id = :study AND leases.purpose = 'counted' ORDER BY leases.id
"""
CHOICES = """
    INSERT INTO choices (key, lease_id, pair_id, user_id, answer, response_ms, late, extra, reasons, comment, made_at)
    SELECT gen_random_uuid(), leases.id, pair_id, user_id,
           CASE WHEN drawn < 0.45 THEN 'first' WHEN drawn < 0.85 THEN 'second' WHEN drawn < 0.93 THEN 'tie'
                WHEN drawn < 0.97 THEN 'both_bad' ELSE 'skip' END,
           round(300 + 1500 * exp(2 * pg_temp.chance(leases.id * 5 + 1) - 1)), false, false, '[]', '',
           given_at + interval '2 seconds'
    FROM leases JOIN pairs ON pairs.id = pair_id JOIN rounds ON rounds.id = round_id,
         LATERAL (SELECT 0.6 * pg_temp.chance(pair_id * 3) + 0.4 * pg_temp.chance(leases.id * 7) AS drawn) AS dice
    WHERE study_id = :study ORDER BY leases.id
"""
COUNTED = """
    UPDATE pairs SET filled = said.filled, skipped = said.skipped,
           state = CASE WHEN said.filled + said.skipped >= :choices THEN 'closed' ELSE 'open' END,
           closed_at = CASE WHEN said.filled + said.skipped >= :choices THEN said.at END
    FROM (SELECT choices.pair_id, count(*) FILTER (WHERE answer <> 'skip') AS filled,
                 count(*) FILTER (WHERE answer = 'skip') AS skipped, max(made_at) AS at
          FROM choices JOIN leases ON leases.id = lease_id JOIN pairs ON pairs.id = choices.pair_id
          JOIN rounds ON rounds.id = round_id
          WHERE study_id = :study AND purpose = 'counted' GROUP BY choices.pair_id) AS said
    WHERE pairs.id = said.pair_id
"""
GOLD = """
    INSERT INTO gold_answers (pair_id, answer)
    SELECT pairs.id, 'first' FROM pairs JOIN rounds ON rounds.id = round_id
    WHERE study_id = :study AND pairs.id % 5000 < 2
"""
TOTALS = """
    INSERT INTO round_totals (round_id, groups_drawn, chunks_failed, pairs, pairs_closed, pairs_alike, choices,
                              open_answered)
    SELECT rounds.id, :pairs, 0, count(pairs.id), count(pairs.id) FILTER (WHERE pairs.state = 'closed'), 0,
           COALESCE(sum(filled + skipped), 0), '{}'
    FROM rounds LEFT JOIN pairs ON pairs.round_id = rounds.id
    WHERE rounds.id NOT IN (SELECT round_id FROM round_totals) GROUP BY rounds.id
"""

TRAINING_SETS = """
    INSERT INTO training_sets (round_id, number, items, sha256)
    SELECT round_id, 1, jsonb_agg(item ORDER BY pair_id), :sha256
    FROM (SELECT pairs.round_id, pairs.id AS pair_id, jsonb_build_object(
              'pair', pairs.id, 'group', groups.number, 'first', first_id, 'second', second_id,
              'p', count(*) FILTER (WHERE answer = 'first')::float / count(*), 'weight', 1.0,
              'choices', jsonb_agg(choices.id ORDER BY choices.id), 'held_out', groups.number % 10 = 9) AS item
          FROM complete_rounds AS rounds JOIN pairs ON pairs.round_id = rounds.id
          JOIN groups ON groups.id = pairs.group_id JOIN choices ON choices.pair_id = pairs.id
          GROUP BY pairs.round_id, pairs.id, groups.number) AS frozen
    GROUP BY round_id ORDER BY round_id
"""
RUNS = """
    INSERT INTO training_runs (round_id, training_set_id, number, state, settings, settings_sha256, summary, started_at,
                               ended_at)
    SELECT rounds.id, training_sets.id, 1, 'finished', settings -> 'training', :sha256,
           '{"seconds": 500.0, "remarks": [],
             "held_out": {"pairs": 90, "accuracy": 0.6, "low": 0.5, "high": 0.7}}', training_at, ended_at
    FROM training_sets JOIN rounds ON rounds.id = training_sets.round_id WHERE study_id = :study ORDER BY rounds.number
"""
TRAINING_JOBS = """
    INSERT INTO jobs (kind, queue, state, urgency, study_id, round_id, training_run_id, payload, attempt, failures,
                      worker, progress, claimed_at, ended_at)
    SELECT 'training', 'accelerator', 'done', 20, :study, round_id, training_runs.id, '{}', 1, 0, 'worker',
           jsonb_build_object('done', CAST(:steps AS int), 'total', CAST(:steps AS int), 'unit', 'steps',
                              'per_second', 1.8), started_at, training_runs.ended_at
    FROM training_runs JOIN rounds ON rounds.id = round_id WHERE study_id = :study ORDER BY training_runs.id
"""
METRICS = """
    INSERT INTO metrics (training_run_id, step, values)
    SELECT training_runs.id, step, jsonb_build_object(
               'loss', 0.693 - 0.00001 * step, 'margin', 0.0001 * step, 'accuracy', (step + training_runs.id) % 2,
               'pairs', 1, 'epoch', 1, 'kl_sampled', CASE WHEN step % 10 = 0 THEN 0.0001 * step END,
               'kl_base', CASE WHEN step % 10 = 0 THEN 0.0002 * step END, 'clamped_sides', 0.1, 'clamped_pairs', 0.05,
               'grad_norm', 0.3)
           || CASE WHEN rounds.number < :rounds - 3 OR step < :steps - 50 THEN '{}'::jsonb
                   ELSE jsonb_build_object('by_step', by_step.list) END
    FROM complete_rounds AS rounds JOIN training_runs ON training_runs.round_id = rounds.id,
         generate_series(1, :steps) AS step,
         (SELECT jsonb_agg(jsonb_build_object('timestep', 951 - 50 * t, 'gain', 1.0, 'r_winner', 0.01, 'r_loser',
                                              -0.01, 'clamped', 0.1)) AS list
          FROM generate_series(0, 18) AS t) AS by_step
    ORDER BY training_runs.id, step
"""
CHECKPOINTS = """
    INSERT INTO checkpoints (study_id, number, training_run_id, adapter_sha256, files, optimizer, provenance)
    SELECT :study, rounds.number, training_runs.id, :sha256,
           (SELECT jsonb_object_agg(form, jsonb_build_object('name', form || '.safetensors', 'key', form,
                                                             'size', 3000000, 'sha256', repeat('0', 64)))
            FROM (VALUES ('diffusers'), ('kohya'), ('peft')) AS forms (form)),
           jsonb_build_object('key', 'optimizer', 'size', 6000000, 'sha256', repeat('0', 64)),
           '{"study": {"preset": "demo", "seed": 0}, "code": {"tastemaker": "0.1.0", "python": "3.11.9"},
              "machine": {"device": "cpu"}}'
    FROM complete_rounds AS rounds JOIN training_runs ON training_runs.round_id = rounds.id ORDER BY rounds.number
"""
PARENTS = """
    UPDATE checkpoints SET parent_id = parent.id FROM checkpoints AS parent
    WHERE checkpoints.study_id = :study AND parent.study_id = :study AND parent.number = checkpoints.number - 1
"""
POLICIES = """
    UPDATE rounds SET checkpoint_id = checkpoints.id FROM checkpoints
    WHERE rounds.study_id = :study AND checkpoints.study_id = :study AND checkpoints.number = rounds.number - 1
"""
CURRENT = """
    UPDATE studies SET current_checkpoint_id = (
        SELECT id FROM checkpoints WHERE study_id = :study ORDER BY number DESC LIMIT 1)
    WHERE id = :study
"""
EVALUATION_JOBS = """
    INSERT INTO jobs (kind, queue, state, urgency, study_id, checkpoint_id, payload, attempt, failures, worker,
                      progress, claimed_at, error, ended_at)
    SELECT 'evaluation', 'accelerator', CASE WHEN fails THEN 'failed' ELSE 'done' END, 40, :study, id,
           '{"batch": 16}', 1, 0, 'worker', '{}', created_at, CASE WHEN fails THEN 'The worker ran out of disk.' END,
           created_at
    FROM checkpoints, LATERAL (SELECT number % GREATEST(:rounds / :beside, 1) = 0 AS fails) AS dice
    WHERE study_id = :study ORDER BY number
"""
EVALUATION_GROUPS = """
    INSERT INTO groups (study_id, prompt_id, number, draw, sampler)
    SELECT :study, prompts.id, prompts.number, 0, sampler
    FROM studies JOIN prompts USING (prompt_set_id), (VALUES ('study'), ('ddim')) AS samplers (sampler)
    WHERE studies.id = :study ORDER BY sampler DESC, prompts.number
"""
EVALUATION_SAMPLES = """
    INSERT INTO samples (group_id, number, checkpoint_id, state, width, height, image_key, image_sha256, image_size,
                         webp_key, webp_sha256, webp_size)
    SELECT groups.id, policies.number, policies.id, 'ready', 512, 512, name || '.png', :sha256, 400000,
           name || '.webp', :sha256, 60000
    FROM (SELECT id, number FROM checkpoints WHERE study_id = :study UNION ALL SELECT NULL, 0) AS policies,
         groups, LATERAL (SELECT 'studies/' || :study || '/evaluation/' || policies.number || '/' || groups.id AS name)
                         AS named
    WHERE groups.study_id = :study AND groups.round_id IS NULL ORDER BY policies.number, groups.id
"""
SCORES = """
    INSERT INTO sample_scores (sample_id, judge, value)
    SELECT samples.id, 'jpeg_compressibility', 60 - 0.01 * samples.number + pg_temp.chance(samples.id)
    FROM samples JOIN groups ON groups.id = group_id WHERE study_id = :study AND round_id IS NULL ORDER BY samples.id
"""
SCORES_OF_ROUNDS = """
    INSERT INTO sample_scores (sample_id, judge, value)
    SELECT samples.id, 'jpeg_compressibility', 60 + pg_temp.chance(samples.id)
    FROM the_rounds AS rounds JOIN groups ON groups.round_id = rounds.id JOIN samples ON samples.group_id = groups.id
    ORDER BY samples.id
"""
SCORINGS = (
    """
    INSERT INTO jobs (kind, queue, state, urgency, study_id, payload, attempt, failures, worker, progress, claimed_at,
                      ended_at)
    SELECT 'scoring', 'cpu', 'done', 48, :study, '{}', 1, 0, 'worker',
           '{"done": 1000, "total": 1000, "unit": "samples", "per_second": 60.0}', now(), now()
    FROM generate_series(1, :beside) AS number
""",
    """
    INSERT INTO scorings (study_id, judge, job_id, scored, unreadable)
    SELECT :study, 'jpeg_compressibility', id, 1000, 0 FROM jobs WHERE study_id = :study AND kind = 'scoring'
    ORDER BY id
""",
)
APPEARANCES = """
    INSERT INTO appearances (sample_id, brightness, saturation, sharpness, apart, colours_apart)
    SELECT samples.id, 0.5, 0.4, 0.1, 0.2, 0.1 FROM samples JOIN groups ON groups.id = group_id
    WHERE study_id = :study ORDER BY samples.id
"""
COMPARISONS = """
    INSERT INTO rounds (study_id, kind, number, state, hold, settings, checkpoint_id, sampler, first_position, groups,
                        launched_at, labeling_at, ended_at)
    SELECT :study, 'evaluation', row_number() OVER (ORDER BY checkpoints.number), 'complete', 'none', settings,
           checkpoints.id, 'study', 0, :prompts, now(), now(), now()
    FROM checkpoints JOIN studies ON studies.id = study_id
    WHERE study_id = :study AND number % GREATEST(:rounds / :beside, 1) = 0 ORDER BY number
""", """
    INSERT INTO round_totals (round_id, groups_drawn, chunks_failed, pairs, pairs_closed, pairs_alike, choices,
                              open_answered)
    SELECT id, groups, 0, groups, groups, 0, :choices * groups, '{}' FROM rounds
    WHERE study_id = :study AND kind = 'evaluation'
"""  # fmt: skip
COMPARED = (
    """
    INSERT INTO pairs (round_id, group_id, first_id, second_id, state, filled, skipped, closed_at, alike)
    SELECT rounds.id, groups.id, base.id, newer.id, 'closed', :choices, 0, now(), false
    FROM rounds
    JOIN checkpoints ON checkpoints.id = rounds.checkpoint_id
    JOIN groups ON groups.study_id = :study AND groups.round_id IS NULL AND groups.sampler = 'study'
    JOIN samples AS base ON base.group_id = groups.id AND base.number = 0
    JOIN samples AS newer ON newer.group_id = groups.id AND newer.number = checkpoints.number
    WHERE rounds.study_id = :study AND rounds.kind = 'evaluation' ORDER BY rounds.id, groups.id
""",
    """
    INSERT INTO leases (pair_id, user_id, purpose, first_on_left, given_at, expires_at)
    SELECT pairs.id, crew.ids[1 + (pairs.id + nth) % :people], 'counted', true, shown, shown
    FROM pairs JOIN rounds ON rounds.id = round_id, generate_series(0, :choices - 1) AS nth,
         (SELECT array_agg(user_id ORDER BY user_id) AS ids FROM participations WHERE study_id = :study) AS crew,
         LATERAL (SELECT launched_at - interval '1 day' + nth * interval '5 seconds' AS shown) AS t
    WHERE study_id = :study AND kind = 'evaluation' ORDER BY pairs.id, nth
""",
    """
    INSERT INTO choices (key, lease_id, pair_id, user_id, answer, response_ms, late, extra, reasons, comment, made_at)
    SELECT gen_random_uuid(), leases.id, pair_id, user_id,
           CASE WHEN pg_temp.chance(leases.id * 7) < 0.6 THEN 'second' ELSE 'first' END, 1500, false, false, '[]', '',
           given_at + interval '2 seconds'
    FROM leases JOIN pairs ON pairs.id = pair_id JOIN rounds ON rounds.id = round_id
    WHERE study_id = :study AND kind = 'evaluation' ORDER BY leases.id
""",
)
EVENTS = """
    INSERT INTO events (at, what, object_type, object_id, study_id, round_id, details)
    SELECT launched_at, what, 'rounds', id, :study, id, '{"from": ["labeling", "none"], "to": ["training", "none"]}'
    FROM the_rounds AS rounds,
         (VALUES ('round.launched'), ('round.pairs_ready'), ('round.goal_met'), ('training.started'),
                 ('training.checked'), ('checkpoint.made'), ('round.trained')) AS kinds (what)
    WHERE state = 'complete' OR what IN ('round.launched', 'round.pairs_ready') ORDER BY number
"""
WARNINGS = """
    INSERT INTO warnings (study_id, round_id, training_run_id, name, figures)
    SELECT :study, rounds.id, training_runs.id, 'collapse', '{"structure": 0.85, "colours": 0.42, "pictures": 64}'
    FROM complete_rounds AS rounds JOIN training_runs ON training_runs.round_id = rounds.id
    WHERE rounds.number % GREATEST(:rounds / :beside, 1) = 0 OR rounds.number = :rounds - 1 ORDER BY rounds.number
"""
WEBHOOKS = """
    INSERT INTO webhooks (url, note, events, secret, off_at)
    SELECT 'https://receiver.example/' || number, '', '["round.trained"]', '-', now()
    FROM generate_series(1, :beside) AS number
"""
BODIES = """
    CREATE TEMPORARY TABLE bodies ON COMMIT DROP AS
    SELECT events.id AS event_id, what, jsonb_build_object(
               'type', what, 'timestamp', at, 'data', jsonb_build_object(
                   'event', events.id, 'study', jsonb_build_object('id', events.study_id, 'name', 'Many rounds'),
                   'round', jsonb_build_object('id', rounds.id, 'kind', kind, 'number', number, 'state', state,
                                               'hold', hold),
                   'actor', NULL, 'details', details, 'path', '/admin/rounds/' || rounds.id)) AS body
    FROM events JOIN the_rounds AS rounds ON rounds.id = events.round_id
"""
DELIVERIES = """
    INSERT INTO deliveries (key, event_id, webhook_id, body, retried, state, attempt, tries, attempts, ended_at)
    SELECT gen_random_uuid(), event_id, (SELECT min(id) FROM webhooks), body, true, 'delivered', 1, 1, '[]', now()
    FROM bodies ORDER BY event_id
"""
MAIL = """
    INSERT INTO deliveries (key, event_id, user_id, body, retried, state, attempt, tries, attempts, ended_at)
    SELECT gen_random_uuid(), event_id, (SELECT min(user_id) FROM participations WHERE study_id = :study), body, true,
           'delivered', 1, 1, '[]', now()
    FROM bodies WHERE what = 'round.trained' ORDER BY event_id
"""

STATEMENTS = (
    ("Chance", CHANCE),
    ("People", PEOPLE),
    ("Their browsers", SESSIONS),
    ("Participations", PARTICIPATIONS),
    ("Base models", BASE_MODELS),
    ("Checks of base models", MODEL_CHECKS),
    ("Prompt sets", PROMPT_SETS),
    ("Their prompts", PROMPTS),
    ("Other studies", OTHER_STUDIES),
    ("Their rounds", OTHER_ROUNDS),
    ("Invites", INVITES),
    ("Who came by them", INVITE_USES),
    ("Workers", WORKERS),
    ("A judge", JUDGE),
    ("A try's job", TRIES[0]),
    ("A try", TRIES[1]),
    ("Rounds", ROUNDS_OF_STUDY),
    ("The rounds at hand", THE_ROUNDS[0]),
    ("The rounds that are complete", THE_ROUNDS[1]),
    ("Chunks", CHUNKS),
    ("Groups", GROUPS),
    ("Samples", SAMPLES),
    ("Pairs", PAIRS),
    ("Leases", LEASES),
    ("Leases that do not count", UNCOUNTED),
    ("Choices", CHOICES),
    ("Counts of pairs", COUNTED),
    ("Known answers", GOLD),
    ("Totals", TOTALS),
    ("Training sets", TRAINING_SETS),
    ("Training runs", RUNS),
    ("Their jobs", TRAINING_JOBS),
    ("Metrics", METRICS),
    ("Checkpoints", CHECKPOINTS),
    ("Their parents", PARENTS),
    ("The policies that drew", POLICIES),
    ("The current checkpoint", CURRENT),
    ("Evaluation jobs", EVALUATION_JOBS),
    ("The evaluation set", EVALUATION_GROUPS),
    ("Evaluation pictures", EVALUATION_SAMPLES),
    ("Their scores", SCORES),
    ("Scores of the rounds' pictures", SCORES_OF_ROUNDS),
    ("The jobs that scored", SCORINGS[0]),
    ("Scorings", SCORINGS[1]),
    ("How pictures look", APPEARANCES),
    ("Comparisons", COMPARISONS[0]),
    ("Their totals", COMPARISONS[1]),
    ("Their pairs", COMPARED[0]),
    ("Their leases", COMPARED[1]),
    ("What people chose in them", COMPARED[2]),
    ("Events", EVENTS),
    ("Warnings", WARNINGS),
    ("Webhooks", WEBHOOKS),
    ("What is delivered", BODIES),
    ("Deliveries", DELIVERIES),
    ("E-mail", MAIL),
)
