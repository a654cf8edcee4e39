-- In how many operations of the last 30 days each account failed. A report that came twice counts once.
SELECT
  account,
  count(DISTINCT operation.id) AS operations,
  count(DISTINCT stackset.name) AS stack_sets,
  max(operation.endedat) AS last_failed
FROM reports
CROSS JOIN UNNEST(
  flatten(transform(causes, c -> flatten(transform(c.groups, g -> flatten(transform(g.targets, t -> t.accounts))))))
) AS failed (account)
WHERE day >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
GROUP BY account
ORDER BY operations DESC, account
LIMIT 20
