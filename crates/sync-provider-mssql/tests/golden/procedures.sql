DECLARE @rows5 TABLE (n int NOT NULL PRIMARY KEY, c0 int NULL, c1 nvarchar(max) NULL, c2 int NULL, c3 int NULL);
INSERT INTO @rows5 SELECT packed.n, packed.v0 AS c0, packed.v1 AS c1, packed.v2 AS c2, packed.v3 AS c3 FROM OPENJSON(@P11) WITH (n int '$[0]', v0 bigint '$[1]', v1 nvarchar(max) '$[2]', v2 bigint '$[3]', v3 bigint '$[4]') packed;
DECLARE @n5 int, @a5_c0 int, @a5_c1 nvarchar(max), @a5_c2 int, @a5_c3 int;
DELETE FROM @rows5 WHERE CASE WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c1)) COLLATE Latin1_General_BIN2 <> c1 COLLATE Latin1_General_BIN2 THEN N'@P_2' END IS NOT NULL;
DECLARE @one5 TABLE (r0 nvarchar(max) NULL, r1 bigint NULL, r2 int NULL, r3 nvarchar(max) NULL, r4 money NULL, r5 nvarchar(9) NULL, r6 int NULL);
DECLARE @found5 TABLE (n int NOT NULL, r0 nvarchar(max) NULL, r1 bigint NULL, r2 int NULL, r3 nvarchar(max) NULL, r4 money NULL, r5 nvarchar(9) NULL, r6 int NULL);
SELECT @n5 = MIN(n) FROM @rows5;
WHILE @n5 IS NOT NULL
BEGIN
SELECT @n5 = n, @a5_c0 = c0, @a5_c1 = c1, @a5_c2 = c2, @a5_c3 = c3 FROM @rows5 WHERE n = @n5;
INSERT INTO @one5 EXEC [dbo].[Item_selectrow] @P_1 = @a5_c0, @P_2 = @a5_c1, @sync_scope_local_id = @a5_c2, @sync_scope_restore_count = @a5_c3;
INSERT INTO @found5 (n, r0, r1, r2, r3, r4, r5, r6) SELECT @n5, r0, r1, r2, r3, r4, r5, r6 FROM @one5;
DELETE FROM @one5;
SELECT @n5 = MIN(n) FROM @rows5 WHERE n > @n5;
END;
SELECT 5 AS sync_query, n, r6, CONVERT(nvarchar(9), r5), CONVERT(decimal(19,4), r4), r3, r2, r1, CONVERT(bigint, COALESCE(LEN(CONVERT(nvarchar(max), r3) COLLATE Latin1_General_BIN2 + N'.') - LEN(REPLACE(CONVERT(nvarchar(max), r3) COLLATE Latin1_General_BIN2, NCHAR(65533), N'') + N'.'), 0)) FROM @found5 ORDER BY n;

GO
CREATE TABLE #sync_one_2 (r0 nvarchar(max) NULL, r1 bigint NULL, r2 int NULL, r3 nvarchar(max) NULL, r4 money NULL, r5 nvarchar(9) NULL, r6 int NULL);
CREATE TABLE #sync_kept_2 (nr bigint IDENTITY(1,1) NOT NULL PRIMARY KEY, r0 nvarchar(max) NULL, r1 bigint NULL, r2 int NULL, r3 nvarchar(max) NULL, r4 money NULL, r5 nvarchar(9) NULL, r6 int NULL);
INSERT INTO #sync_one_2 EXEC [dbo].[Item_selectincrementalchanges] @sync_min_timestamp = 7, @sync_scope_local_id = 1, @sync_scope_restore_count = 0, @sync_update_peer_key = -1;
INSERT INTO #sync_kept_2 (r0, r1, r2, r3, r4, r5, r6) SELECT r0, r1, r2, r3, r4, r5, r6 FROM #sync_one_2;
DROP TABLE #sync_one_2;
SELECT COALESCE(SUM(CASE WHEN r2 = 0 THEN 0 ELSE 1 END), 0), COUNT(*) FROM #sync_kept_2;

GO
SELECT TOP (100) nr, r6, CONVERT(nvarchar(9), r5), CONVERT(decimal(19,4), r4), r3, r2, r1, CONVERT(bigint, COALESCE(LEN(CONVERT(nvarchar(max), r3) COLLATE Latin1_General_BIN2 + N'.') - LEN(REPLACE(CONVERT(nvarchar(max), r3) COLLATE Latin1_General_BIN2, NCHAR(65533), N'') + N'.'), 0)) FROM #sync_kept_2 WHERE nr > 9 AND r2 = 0 ORDER BY nr
GO
SELECT TOP (100) nr, r6, CONVERT(nvarchar(9), r5), CONVERT(decimal(19,4), r4), r3, r2, r1, CONVERT(bigint, COALESCE(LEN(CONVERT(nvarchar(max), r3) COLLATE Latin1_General_BIN2 + N'.') - LEN(REPLACE(CONVERT(nvarchar(max), r3) COLLATE Latin1_General_BIN2, NCHAR(65533), N'') + N'.'), 0)) FROM #sync_kept_2 WHERE nr > 9 AND r2 <> 0 ORDER BY nr
GO
SET NOCOUNT ON;
DECLARE @failed TABLE (n int NOT NULL, step int NOT NULL, reason nvarchar(4000) NULL);
DECLARE @count int, @step int, @reason nvarchar(4000), @told nvarchar(2048);
DECLARE @rows0 TABLE (n int NOT NULL PRIMARY KEY, c0 int NULL, c1 int NULL, c2 nvarchar(max) NULL, c3 money NULL, c4 nvarchar(max) NULL, c5 bigint NULL, c6 int NULL, c7 int NULL, c8 int NULL, c9 int NULL, c10 bigint NULL, c11 int NULL, c12 bigint NULL, c13 int NULL, c14 bigint NULL);
INSERT INTO @rows0 SELECT packed.n, packed.v0 AS c0, packed.v1 AS c1, packed.v2 AS c2, packed.v3 AS c3, packed.v4 AS c4, packed.v5 AS c5, packed.v6 AS c6, packed.v7 AS c7, packed.v8 AS c8, packed.v9 AS c9, packed.v10 AS c10, packed.v11 AS c11, packed.v12 AS c12, packed.v13 AS c13, packed.v14 AS c14 FROM OPENJSON(@P1) WITH (n int '$[0]', v0 bigint '$[1]', v1 bigint '$[2]', v2 nvarchar(max) '$[3]', v3 decimal(19,4) '$[4]', v4 nvarchar(max) '$[5]', v5 bigint '$[6]', v6 bigint '$[7]', v7 bigint '$[8]', v8 bigint '$[9]', v9 bigint '$[10]', v10 bigint '$[11]', v11 bigint '$[12]', v12 bigint '$[13]', v13 bigint '$[14]', v14 bigint '$[15]') packed;
DECLARE @n0 int, @a0_c0 int, @a0_c1 int, @a0_c2 nvarchar(max), @a0_c3 money, @a0_c4 nvarchar(max), @a0_c5 bigint, @a0_c6 int, @a0_c7 int, @a0_c8 int, @a0_c9 int, @a0_c10 bigint, @a0_c11 int, @a0_c12 bigint, @a0_c13 int, @a0_c14 bigint;
INSERT INTO @failed (n, step, reason) SELECT n, 0, CASE WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c2)) COLLATE Latin1_General_BIN2 <> c2 COLLATE Latin1_General_BIN2 THEN N'@P_2' END + N': the code page of the database lacks a character of it' FROM @rows0 WHERE CASE WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c2)) COLLATE Latin1_General_BIN2 <> c2 COLLATE Latin1_General_BIN2 THEN N'@P_2' END IS NOT NULL;
DELETE FROM @rows0 WHERE n IN (SELECT n FROM @failed);
SELECT @n0 = MIN(n) FROM @rows0;
WHILE @n0 IS NOT NULL
BEGIN
SELECT @n0 = n, @a0_c0 = c0, @a0_c1 = c1, @a0_c2 = c2, @a0_c3 = c3, @a0_c4 = c4, @a0_c5 = c5, @a0_c6 = c6, @a0_c7 = c7, @a0_c8 = c8, @a0_c9 = c9, @a0_c10 = c10, @a0_c11 = c11, @a0_c12 = c12, @a0_c13 = c13, @a0_c14 = c14 FROM @rows0 WHERE n = @n0;
SAVE TRANSACTION sync_row;
BEGIN TRY
SET @count = 1;
IF @a0_c0 = 0
BEGIN
IF @count > 0
BEGIN
SET @step = 0;
SET @count = 0;
EXEC [dbo].[Item_update] @P_1 = @a0_c1, @P_2 = @a0_c2, @P_3 = @a0_c3, @P_4 = @a0_c4, @sync_force_write = @a0_c7, @sync_min_timestamp = @a0_c5, @sync_row_count = @count OUTPUT;
SET @count = COALESCE(@count, 0);
END;
IF @count > 0
BEGIN
SET @step = 1;
SET @count = 0;
EXEC [dbo].[Item_updatemetadata] @P_1 = @a0_c1, @P_2 = @a0_c2, @sync_scope_local_id = @a0_c6, @sync_row_is_tombstone = @a0_c9, @sync_create_peer_key = @a0_c11, @sync_create_peer_timestamp = @a0_c12, @sync_update_peer_key = @a0_c13, @sync_update_peer_timestamp = @a0_c14, @sync_check_concurrency = @a0_c8, @sync_row_timestamp = @a0_c10, @sync_row_count = @count OUTPUT;
SET @count = COALESCE(@count, 0);
IF @count <= 0
BEGIN
SET @count = 0;
EXEC [dbo].[Item_insertmetadata] @P_1 = @a0_c1, @P_2 = @a0_c2, @sync_scope_local_id = @a0_c6, @sync_row_is_tombstone = @a0_c9, @sync_create_peer_key = @a0_c11, @sync_create_peer_timestamp = @a0_c12, @sync_update_peer_key = @a0_c13, @sync_update_peer_timestamp = @a0_c14, @sync_check_concurrency = @a0_c8, @sync_row_timestamp = @a0_c10, @sync_row_count = @count OUTPUT;
SET @count = COALESCE(@count, 0);
END;
END;
END;
IF @count <= 0
BEGIN
ROLLBACK TRANSACTION sync_row;
INSERT INTO @failed (n, step, reason) VALUES (@n0, @step, NULL);
END;
END TRY
BEGIN CATCH
IF ERROR_NUMBER() IN (1203, 1204, 1205, 1221, 1222, 3958, 3960, 3961, 3966, 41301, 41302, 41305, 41325, 41839, 921, 922, 983, 6005, 17142, 17148, 17197, 18401, 8645, 8651, 4221, 10922, 10928, 10929, 10936, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920, 201, 2812, 8144, 8145, 8146, 8162) THROW;
IF XACT_STATE() <> 1
BEGIN
SET @told = CONCAT(N'sync_row=', @n0, N';', LEFT(ERROR_MESSAGE(), 2000));
THROW 51733, @told, 1;
END;
SET @reason = ERROR_MESSAGE();
ROLLBACK TRANSACTION sync_row;
INSERT INTO @failed (n, step, reason) VALUES (@n0, @step, @reason);
END CATCH;
SELECT @n0 = MIN(n) FROM @rows0 WHERE n > @n0;
END;
SELECT n AS sync_failed_row, step, reason FROM @failed ORDER BY n;
GO
SET NOCOUNT ON;
DECLARE @failed TABLE (n int NOT NULL, step int NOT NULL, reason nvarchar(4000) NULL);
DECLARE @count int, @step int, @reason nvarchar(4000), @told nvarchar(2048);
DECLARE @mark bigint, @scope int;
DECLARE @rows0 TABLE (n int NOT NULL PRIMARY KEY, c0 int NULL, c1 int NULL, c2 nvarchar(max) NULL, c3 money NULL, c4 nvarchar(max) NULL, c5 bigint NULL, c6 int NULL, c7 int NULL, c8 bigint NULL, c9 int NULL, c10 bigint NULL);
INSERT INTO @rows0 SELECT packed.n, packed.v0 AS c0, packed.v1 AS c1, packed.v2 AS c2, packed.v3 AS c3, packed.v4 AS c4, packed.v5 AS c5, packed.v6 AS c6, packed.v7 AS c7, packed.v8 AS c8, packed.v9 AS c9, packed.v10 AS c10 FROM OPENJSON(@P1) WITH (n int '$[0]', v0 bigint '$[1]', v1 bigint '$[2]', v2 nvarchar(max) '$[3]', v3 decimal(19,4) '$[4]', v4 nvarchar(max) '$[5]', v5 bigint '$[6]', v6 bigint '$[7]', v7 bigint '$[8]', v8 bigint '$[9]', v9 bigint '$[10]', v10 bigint '$[11]') packed;
DECLARE @n0 int, @a0_c0 int, @a0_c1 int, @a0_c2 nvarchar(max), @a0_c3 money, @a0_c4 nvarchar(max), @a0_c5 bigint, @a0_c6 int, @a0_c7 int, @a0_c8 bigint, @a0_c9 int, @a0_c10 bigint;
INSERT INTO @failed (n, step, reason) SELECT n, 0, CASE WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c2)) COLLATE Latin1_General_BIN2 <> c2 COLLATE Latin1_General_BIN2 THEN N'@P_2' END + N': the code page of the database lacks a character of it' FROM @rows0 WHERE CASE WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c2)) COLLATE Latin1_General_BIN2 <> c2 COLLATE Latin1_General_BIN2 THEN N'@P_2' END IS NOT NULL;
DELETE FROM @rows0 WHERE n IN (SELECT n FROM @failed);
DECLARE @changes0 [dbo].[Item_BulkType];
SAVE TRANSACTION sync_bulk0;
BEGIN TRY
INSERT INTO @changes0 ([Id], [Code], [Price], [Note], sync_update_peer_timestamp, sync_update_peer_key, sync_create_peer_timestamp, sync_create_peer_key) SELECT c1, c2, c3, c4, c10, c9, c8, c7 FROM @rows0 WHERE c0 = 0;
SELECT @mark = MIN(c5), @scope = MIN(c6) FROM @rows0 WHERE c0 = 0;
EXEC [dbo].[Item_bulkupdate] @sync_min_timestamp = @mark, @sync_scope_local_id = @scope, @changeTable = @changes0;
INSERT INTO @failed (n, step, reason) SELECT given.n, 0, NULL FROM @rows0 given WHERE given.c0 = 0 AND NOT EXISTS (SELECT 1 FROM [dbo].[Item_tracking] side WHERE side.[Id] = given.c1 AND side.[Code] = CONVERT(varchar(9), given.c2 COLLATE Latin1_General_CI_AS) AND side.update_scope_local_id = given.c6 AND side.scope_update_peer_key = given.c9 AND side.scope_update_peer_timestamp = given.c10);
END TRY
BEGIN CATCH
IF ERROR_NUMBER() IN (1203, 1204, 1205, 1221, 1222, 3958, 3960, 3961, 3966, 41301, 41302, 41305, 41325, 41839, 921, 922, 983, 6005, 17142, 17148, 17197, 18401, 8645, 8651, 4221, 10922, 10928, 10929, 10936, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920, 201, 2812, 8144, 8145, 8146, 8162) THROW;
IF XACT_STATE() <> 1
BEGIN
SET @told = CONCAT(N'sync_row=', -1, N';', LEFT(ERROR_MESSAGE(), 2000));
THROW 51733, @told, 1;
END;
SET @reason = ERROR_MESSAGE();
ROLLBACK TRANSACTION sync_bulk0;
INSERT INTO @failed (n, step, reason) SELECT n, 0, @reason FROM @rows0 WHERE c0 = 0;
END CATCH;
SELECT n AS sync_failed_row, step, reason FROM @failed ORDER BY n;
GO
