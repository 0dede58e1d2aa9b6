CREATE TABLE #sync_open_3 (n int NULL, c0 int NULL, c1 int NULL);
GO
DELETE FROM #sync_planned; INSERT INTO #sync_planned (n, base, seen, scope, update_key, update_tick, new_create, create_key, create_tick, tombstone, write_time, writer) SELECT packed.* FROM OPENJSON(@P1) WITH (n int '$[0]', base int '$[1]', seen bigint '$[2]', scope int '$[3]', update_key int '$[4]', update_tick bigint '$[5]', new_create int '$[6]', create_key int '$[7]', create_tick bigint '$[8]', tombstone int '$[9]', write_time bigint '$[10]', writer int '$[11]') packed;
INSERT INTO #sync_open_3 (n, c0, c1) SELECT staged.n, staged.c0, staged.c1 FROM #sync_staged_3 staged JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base IN (1, 2) AND (((staged.c1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM [dbo].[Staff] parent WHERE parent.[Id] = staged.c1)) AND NOT (planned.base = 1 AND EXISTS (SELECT 1 FROM #sync_staged_3 other JOIN #sync_planned beside ON beside.n = other.n WHERE beside.base = 1 AND other.c0 = staged.c1))));
UPDATE staged SET c1 = NULL FROM #sync_staged_3 staged JOIN #sync_open_3 opened ON opened.n = staged.n WHERE (opened.c1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM [dbo].[Staff] parent WHERE parent.[Id] = opened.c1));

GO
DELETE FROM #sync_planned; INSERT INTO #sync_planned (n, base, seen, scope, update_key, update_tick, new_create, create_key, create_tick, tombstone, write_time, writer) SELECT packed.* FROM OPENJSON(@P1) WITH (n int '$[0]', base int '$[1]', seen bigint '$[2]', scope int '$[3]', update_key int '$[4]', update_tick bigint '$[5]', new_create int '$[6]', create_key int '$[7]', create_tick bigint '$[8]', tombstone int '$[9]', write_time bigint '$[10]', writer int '$[11]') packed; EXEC sp_set_session_context N'sync_applying_to', N'[dbo].[Staff_tracking]'; SAVE TRANSACTION sync_open;
BEGIN TRY
INSERT INTO #sync_open_3 (n, c0, c1) SELECT staged.n, base.[Id], base.[Boss] FROM #sync_staged_3 staged JOIN #sync_planned planned ON planned.n = staged.n JOIN [dbo].[Staff] base ON base.[Id] = staged.c0 WHERE planned.base = 3 AND (base.[Boss] IS NOT NULL) AND (EXISTS (SELECT 1 FROM [dbo].[Staff] child WHERE child.[Boss] = base.[Id] AND NOT EXISTS (SELECT 1 FROM #sync_staged_3 staged WHERE child.[Id] = staged.c0)) OR EXISTS (SELECT 1 FROM [dbo].[Office] child WHERE child.[Boss] = base.[Id]));
UPDATE base SET [Boss] = NULL FROM [dbo].[Staff] base JOIN #sync_open_3 opened ON opened.c0 = base.[Id] WHERE opened.n IS NOT NULL;
UPDATE #sync_open_3 SET n = NULL
END TRY
BEGIN CATCH
IF XACT_STATE() <> 1 OR ERROR_NUMBER() IN (1203, 1204, 1205, 1221, 1222, 3958, 3960, 3961, 3966, 41301, 41302, 41305, 41325, 41839, 921, 922, 983, 6005, 17142, 17148, 17197, 18401, 8645, 8651, 4221, 10922, 10928, 10929, 10936, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920) THROW;
ROLLBACK TRANSACTION sync_open
END CATCH;

GO
DELETE FROM #sync_planned; INSERT INTO #sync_planned (n, base, seen, scope, update_key, update_tick, new_create, create_key, create_tick, tombstone, write_time, writer) SELECT packed.* FROM OPENJSON(@P1) WITH (n int '$[0]', base int '$[1]', seen bigint '$[2]', scope int '$[3]', update_key int '$[4]', update_tick bigint '$[5]', new_create int '$[6]', create_key int '$[7]', create_tick bigint '$[8]', tombstone int '$[9]', write_time bigint '$[10]', writer int '$[11]') packed;
DELETE FROM #sync_failed;
DECLARE @tick bigint;
INSERT INTO #sync_failed (n, reason) SELECT planned.n, N'it was changed here meanwhile' FROM #sync_planned planned JOIN #sync_staged_3 staged ON staged.n = planned.n LEFT JOIN [dbo].[Staff_tracking] side ON side.[Id] = staged.c0 WHERE COALESCE(CONVERT(bigint, side.local_update_peer_timestamp), -1) <> COALESCE(planned.seen, -1); DELETE FROM #sync_planned WHERE n IN (SELECT n FROM #sync_failed);
UPDATE side SET update_scope_local_id = planned.scope, scope_update_peer_key = planned.update_key, scope_update_peer_timestamp = planned.update_tick, local_update_peer_key = 0, restore_timestamp = NULL, create_scope_local_id = CASE WHEN planned.new_create = 1 THEN @P2 ELSE side.create_scope_local_id END, scope_create_peer_key = CASE WHEN planned.new_create = 1 THEN planned.create_key ELSE side.scope_create_peer_key END, scope_create_peer_timestamp = CASE WHEN planned.new_create = 1 THEN planned.create_tick ELSE side.scope_create_peer_timestamp END, sync_row_is_tombstone = planned.tombstone, last_change_datetime = GETDATE(), sync_write_time = planned.write_time, sync_writer = planned.writer FROM [dbo].[Staff_tracking] side JOIN #sync_staged_3 staged ON side.[Id] = staged.c0 JOIN #sync_planned planned ON planned.n = staged.n;
SET @tick = CONVERT(bigint, @@DBTS) + 1;
INSERT INTO [dbo].[Staff_tracking] ([Id], update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time, sync_writer) SELECT staged.c0, planned.scope, planned.update_key, planned.update_tick, 0, @P2, planned.create_key, planned.create_tick, 0, @tick, planned.tombstone, GETDATE(), planned.write_time, planned.writer FROM #sync_staged_3 staged JOIN #sync_planned planned ON planned.n = staged.n WHERE NOT EXISTS (SELECT 1 FROM [dbo].[Staff_tracking] side WHERE side.[Id] = staged.c0);
DELETE base FROM [dbo].[Staff] base JOIN #sync_staged_3 staged ON base.[Id] = staged.c0 JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base = 3;
UPDATE base SET [Boss] = staged.c1 FROM [dbo].[Staff] base JOIN #sync_staged_3 staged ON base.[Id] = staged.c0 JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base = 2;
INSERT INTO [dbo].[Staff] ([Id], [Boss]) SELECT staged.c0, staged.c1 FROM #sync_staged_3 staged JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base = 1;
DELETE FROM #sync_open_3 WHERE n IN (SELECT n FROM #sync_failed); UPDATE #sync_open_3 SET n = NULL WHERE n IS NOT NULL;
SELECT n, reason FROM #sync_failed
GO
DECLARE @reason nvarchar(4000); IF EXISTS (SELECT 1 FROM #sync_open_3 opened JOIN [dbo].[Staff] base ON opened.c0 = base.[Id] WHERE (opened.c1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM [dbo].[Staff] parent WHERE parent.[Id] = opened.c1)))
BEGIN
SELECT 3, N'its parent in table [Staff] is missing', opened.c0 FROM #sync_open_3 opened JOIN [dbo].[Staff] base ON opened.c0 = base.[Id] WHERE (opened.c1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM [dbo].[Staff] parent WHERE parent.[Id] = opened.c1))
END
ELSE
BEGIN
SAVE TRANSACTION sync_fill;
BEGIN TRY
EXEC sp_set_session_context N'sync_applying_to', N'[dbo].[Staff_tracking]'; UPDATE base SET [Boss] = opened.c1 FROM [dbo].[Staff] base JOIN #sync_open_3 opened ON opened.c0 = base.[Id]
END TRY
BEGIN CATCH
IF XACT_STATE() <> 1 OR ERROR_NUMBER() IN (1203, 1204, 1205, 1221, 1222, 3958, 3960, 3961, 3966, 41301, 41302, 41305, 41325, 41839, 921, 922, 983, 6005, 17142, 17148, 17197, 18401, 8645, 8651, 4221, 10922, 10928, 10929, 10936, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920) THROW;
SET @reason = ERROR_MESSAGE();
ROLLBACK TRANSACTION sync_fill;
SELECT 3, @reason, opened.c0 FROM #sync_open_3 opened JOIN [dbo].[Staff] base ON opened.c0 = base.[Id]
END CATCH;
IF @reason IS NULL
BEGIN
COMMIT TRANSACTION
END
END
GO
