CREATE TABLE [dbo].[scope_info] (scope_local_id int IDENTITY(1,1) NOT NULL, scope_id uniqueidentifier NOT NULL DEFAULT newid(), sync_scope_name nvarchar(100) NOT NULL, scope_sync_knowledge varbinary(max) NULL, scope_tombstone_cleanup_knowledge varbinary(max) NULL, scope_timestamp timestamp NULL, scope_config_id uniqueidentifier NULL, scope_restore_count int NOT NULL DEFAULT 0, scope_user_comment nvarchar(max) NULL, CONSTRAINT [PK_scope_info] PRIMARY KEY CLUSTERED (sync_scope_name))
GO
CREATE TABLE [dbo].[scope_config] (config_id uniqueidentifier NOT NULL, config_data xml NOT NULL, scope_status char(1) NULL, CONSTRAINT [PK_scope_config] PRIMARY KEY CLUSTERED (config_id))
GO
CREATE TABLE [dbo].[schema_info] (schema_major_version int NOT NULL, schema_minor_version int NOT NULL, schema_extended_info nvarchar(100) NOT NULL, CONSTRAINT [PK_schema_info] PRIMARY KEY CLUSTERED (schema_major_version, schema_minor_version))
GO
INSERT INTO [dbo].[schema_info] (schema_major_version, schema_minor_version, schema_extended_info) VALUES (2, 1, N'')
GO
CREATE TABLE [dbo].[sync_scope] (scope_local_id int NOT NULL, was_source bit NOT NULL DEFAULT 0, CONSTRAINT [PK_sync_scope] PRIMARY KEY CLUSTERED (scope_local_id))
GO
CREATE TABLE [dbo].[sync_waiting] (scope_local_id int NOT NULL, waiting_id bigint IDENTITY(1,1) NOT NULL, row_id varbinary(max) NOT NULL, table_name nvarchar(max) NOT NULL, row_key varbinary(max) NOT NULL, reason nvarchar(max) NOT NULL, CONSTRAINT [PK_sync_waiting] PRIMARY KEY CLUSTERED (scope_local_id, waiting_id))
GO
INSERT INTO [dbo].[scope_config] (config_id, config_data, scope_status) VALUES (N'00000000-0000-0000-0000-0000000000c0', N'<SqlSyncProviderScopeConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" IsTemplate="false"><Adapter Name="[CUSTOMER]" GlobalName="[CUSTOMER]" TrackingTable="[CUSTOMER_tracking]" SelChngProc="[CUSTOMER_selectchanges]" SelRowProc="[CUSTOMER_selectrow]" InsProc="[CUSTOMER_insert]" UpdProc="[CUSTOMER_update]" DelProc="[CUSTOMER_delete]" InsMetaProc="[CUSTOMER_insertmetadata]" UpdMetaProc="[CUSTOMER_updatemetadata]" DelMetaProc="[CUSTOMER_deletemetadata]" BulkTableType="[CUSTOMER_BulkType]" BulkInsProc="[CUSTOMER_bulkinsert]" BulkUpdProc="[CUSTOMER_bulkupdate]" BulkDelProc="[CUSTOMER_bulkdelete]" InsTrig="[CUSTOMER_insert_trigger]" UpdTrig="[CUSTOMER_update_trigger]" DelTrig="[CUSTOMER_delete_trigger]"><Col name="CUSTOMER_ID" type="int" param="@P_1" pk="true"/><Col name="FIRST_NAME" type="varchar" size="50" null="true" param="@P_2"/><Col name="DATE_OF_BIRTH" type="date" null="true" param="@P_3"/><Col name="PHOTO" type="image" null="true" param="@P_4"/><Col name="NOTE" type="xml" null="true" param="@P_5"/></Adapter></SqlSyncProviderScopeConfiguration>', N'P')
GO
CREATE TABLE [dbo].[CUSTOMER_tracking] ([CUSTOMER_ID] int NOT NULL, update_scope_local_id int NULL, scope_update_peer_key int NULL, scope_update_peer_timestamp bigint NULL, local_update_peer_key int NOT NULL, local_update_peer_timestamp timestamp NOT NULL, create_scope_local_id int NULL, scope_create_peer_key int NULL, scope_create_peer_timestamp bigint NULL, local_create_peer_key int NOT NULL, local_create_peer_timestamp bigint NOT NULL, sync_row_is_tombstone int NOT NULL, restore_timestamp bigint NULL, last_change_datetime datetime NULL, sync_write_time bigint NULL, sync_writer int NULL, CONSTRAINT [PK_CUSTOMER_tracking] PRIMARY KEY CLUSTERED ([CUSTOMER_ID]))
GO
CREATE INDEX local_update_peer_timestamp_index ON [dbo].[CUSTOMER_tracking] (local_update_peer_timestamp, [CUSTOMER_ID])
GO
CREATE TRIGGER [dbo].[CUSTOMER_insert_trigger] ON [dbo].[CUSTOMER] FOR INSERT AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[dbo].[CUSTOMER_tracking]') = N'[dbo].[CUSTOMER_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [dbo].[CUSTOMER_tracking] side JOIN inserted ON side.[CUSTOMER_ID] = inserted.[CUSTOMER_ID];
INSERT INTO [dbo].[CUSTOMER_tracking] ([CUSTOMER_ID], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[CUSTOMER_ID], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = inserted.[CUSTOMER_ID]);
END
GO
CREATE TRIGGER [dbo].[CUSTOMER_update_trigger] ON [dbo].[CUSTOMER] FOR UPDATE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[dbo].[CUSTOMER_tracking]') = N'[dbo].[CUSTOMER_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side JOIN inserted ON side.[CUSTOMER_ID] = inserted.[CUSTOMER_ID] JOIN deleted ON side.[CUSTOMER_ID] = deleted.[CUSTOMER_ID] WHERE (EXISTS (SELECT inserted.[CUSTOMER_ID], CONVERT(nvarchar(max), inserted.[FIRST_NAME]) COLLATE Latin1_General_BIN2, DATALENGTH(inserted.[FIRST_NAME]), inserted.[DATE_OF_BIRTH], CONVERT(nvarchar(max), inserted.[NOTE]) COLLATE Latin1_General_BIN2 EXCEPT SELECT deleted.[CUSTOMER_ID], CONVERT(nvarchar(max), deleted.[FIRST_NAME]) COLLATE Latin1_General_BIN2, DATALENGTH(deleted.[FIRST_NAME]), deleted.[DATE_OF_BIRTH], CONVERT(nvarchar(max), deleted.[NOTE]) COLLATE Latin1_General_BIN2) OR UPDATE([PHOTO]));
IF UPDATE([CUSTOMER_ID])
BEGIN
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [dbo].[CUSTOMER_tracking] side JOIN deleted ON side.[CUSTOMER_ID] = deleted.[CUSTOMER_ID] WHERE NOT EXISTS (SELECT 1 FROM inserted WHERE inserted.[CUSTOMER_ID] = deleted.[CUSTOMER_ID]);
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [dbo].[CUSTOMER_tracking] side JOIN inserted ON side.[CUSTOMER_ID] = inserted.[CUSTOMER_ID] WHERE NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[CUSTOMER_ID] = inserted.[CUSTOMER_ID]);
INSERT INTO [dbo].[CUSTOMER_tracking] ([CUSTOMER_ID], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[CUSTOMER_ID], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = inserted.[CUSTOMER_ID]) AND NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[CUSTOMER_ID] = inserted.[CUSTOMER_ID]);
END;
END
GO
CREATE TRIGGER [dbo].[CUSTOMER_delete_trigger] ON [dbo].[CUSTOMER] FOR DELETE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[dbo].[CUSTOMER_tracking]') = N'[dbo].[CUSTOMER_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [dbo].[CUSTOMER_tracking] side JOIN deleted ON side.[CUSTOMER_ID] = deleted.[CUSTOMER_ID];
INSERT INTO [dbo].[CUSTOMER_tracking] ([CUSTOMER_ID], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT deleted.[CUSTOMER_ID], 0, 0, CONVERT(bigint, @@DBTS) + 1, 1, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM deleted WHERE NOT EXISTS (SELECT 1 FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = deleted.[CUSTOMER_ID]);
END
GO
DECLARE @tick bigint = CONVERT(bigint, @@DBTS) + 1; INSERT INTO [dbo].[CUSTOMER_tracking] ([CUSTOMER_ID], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) SELECT base.[CUSTOMER_ID], 0, 0, @tick, 0 FROM [dbo].[CUSTOMER] base LEFT JOIN [dbo].[CUSTOMER_tracking] side ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID] WHERE side.[CUSTOMER_ID] IS NULL
GO
CREATE PROCEDURE [dbo].[CUSTOMER_selectchanges] (@sync_min_timestamp bigint, @sync_scope_local_id int, @sync_scope_restore_count int, @sync_update_peer_key int) AS
BEGIN
SELECT side.[CUSTOMER_ID], base.[FIRST_NAME], base.[DATE_OF_BIRTH], base.[PHOTO], base.[NOTE], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [dbo].[CUSTOMER] base RIGHT JOIN [dbo].[CUSTOMER_tracking] side ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID]
WHERE (side.update_scope_local_id IS NULL OR side.update_scope_local_id <> @sync_scope_local_id OR (side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key <> @sync_update_peer_key)) AND side.local_update_peer_timestamp > CONVERT(binary(8), @sync_min_timestamp);
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_selectrow] (@P_1 int, @sync_scope_local_id int, @sync_scope_restore_count int) AS
BEGIN
SELECT side.[CUSTOMER_ID], base.[FIRST_NAME], base.[DATE_OF_BIRTH], base.[PHOTO], base.[NOTE], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [dbo].[CUSTOMER] base RIGHT JOIN [dbo].[CUSTOMER_tracking] side ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID]
WHERE side.[CUSTOMER_ID] = @P_1;
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_insert] (@P_1 int, @P_2 varchar(50), @P_3 date, @P_4 image, @P_5 xml, @sync_row_count int OUTPUT) AS
BEGIN
SET @sync_row_count = 0;
IF NOT EXISTS (SELECT 1 FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1)
BEGIN
INSERT INTO [dbo].[CUSTOMER] ([CUSTOMER_ID], [FIRST_NAME], [DATE_OF_BIRTH], [PHOTO], [NOTE]) VALUES (@P_1, @P_2, @P_3, @P_4, @P_5); SET @sync_row_count = @@ROWCOUNT;
END;
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_update] (@P_1 int, @P_2 varchar(50), @P_3 date, @P_4 image, @P_5 xml, @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE base SET [FIRST_NAME] = @P_2, [DATE_OF_BIRTH] = @P_3, [PHOTO] = @P_4, [NOTE] = @P_5 FROM [dbo].[CUSTOMER] base JOIN [dbo].[CUSTOMER_tracking] side ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID] WHERE base.[CUSTOMER_ID] = @P_1 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_delete] (@P_1 int, @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE base FROM [dbo].[CUSTOMER] base JOIN [dbo].[CUSTOMER_tracking] side ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID] WHERE base.[CUSTOMER_ID] = @P_1 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_insertmetadata] (@P_1 int, @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
IF @sync_row_count = 0 AND NOT EXISTS (SELECT 1 FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1)
BEGIN
INSERT INTO [dbo].[CUSTOMER_tracking] ([CUSTOMER_ID], create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, restore_timestamp, sync_row_is_tombstone, last_change_datetime) VALUES (@P_1, @sync_scope_local_id, @sync_create_peer_key, @sync_create_peer_timestamp, 0, CONVERT(bigint, @@DBTS) + 1, @sync_scope_local_id, @sync_update_peer_key, @sync_update_peer_timestamp, 0, NULL, @sync_row_is_tombstone, GETDATE());
SET @sync_row_count = @@ROWCOUNT;
END;
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_updatemetadata] (@P_1 int, @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DECLARE @was_tombstone int = (SELECT sync_row_is_tombstone FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1);
IF @was_tombstone = 1 AND @sync_row_is_tombstone = 0
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
ELSE
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_deletemetadata] (@P_1 int, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE side FROM [dbo].[CUSTOMER_tracking] side WHERE side.[CUSTOMER_ID] = @P_1 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE TYPE [dbo].[CUSTOMER_BulkType] AS TABLE ([CUSTOMER_ID] int NOT NULL, [FIRST_NAME] varchar(50) NULL, [DATE_OF_BIRTH] date NULL, [PHOTO] image NULL, [NOTE] xml NULL, sync_update_peer_timestamp bigint, sync_update_peer_key int, sync_create_peer_timestamp bigint, sync_create_peer_key int, PRIMARY KEY ([CUSTOMER_ID]))
GO
CREATE PROCEDURE [dbo].[CUSTOMER_bulkinsert] (@sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [dbo].[CUSTOMER_BulkType] READONLY) AS
BEGIN
DECLARE @done TABLE ([CUSTOMER_ID] int NOT NULL, PRIMARY KEY ([CUSTOMER_ID]));
INSERT INTO @done ([CUSTOMER_ID]) SELECT incoming.[CUSTOMER_ID] FROM @changeTable incoming LEFT JOIN [dbo].[CUSTOMER_tracking] side WITH (UPDLOCK, HOLDLOCK) ON side.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] WHERE NOT EXISTS (SELECT 1 FROM [dbo].[CUSTOMER] base WITH (UPDLOCK, HOLDLOCK) WHERE base.[CUSTOMER_ID] = incoming.[CUSTOMER_ID]) AND (side.local_update_peer_timestamp IS NULL OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp));
INSERT INTO [dbo].[CUSTOMER] ([CUSTOMER_ID], [FIRST_NAME], [DATE_OF_BIRTH], [PHOTO], [NOTE]) SELECT incoming.[CUSTOMER_ID], incoming.[FIRST_NAME], incoming.[DATE_OF_BIRTH], incoming.[PHOTO], incoming.[NOTE] FROM @changeTable incoming JOIN @done done ON done.[CUSTOMER_ID] = incoming.[CUSTOMER_ID];
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = incoming.sync_create_peer_key, scope_create_peer_timestamp = incoming.sync_create_peer_timestamp, local_create_peer_key = 0, sync_row_is_tombstone = 0, sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side JOIN @changeTable incoming ON side.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] JOIN @done done ON side.[CUSTOMER_ID] = done.[CUSTOMER_ID];
SELECT incoming.[CUSTOMER_ID] FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE done.[CUSTOMER_ID] = incoming.[CUSTOMER_ID]);
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_bulkupdate] (@sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [dbo].[CUSTOMER_BulkType] READONLY) AS
BEGIN
DECLARE @done TABLE ([CUSTOMER_ID] int NOT NULL, PRIMARY KEY ([CUSTOMER_ID]));
INSERT INTO @done ([CUSTOMER_ID]) SELECT base.[CUSTOMER_ID] FROM [dbo].[CUSTOMER] base WITH (UPDLOCK, HOLDLOCK) JOIN [dbo].[CUSTOMER_tracking] side WITH (UPDLOCK, HOLDLOCK) ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID] JOIN @changeTable incoming ON base.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] WHERE ((side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key = incoming.sync_update_peer_key) OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp));
UPDATE base SET [FIRST_NAME] = incoming.[FIRST_NAME], [DATE_OF_BIRTH] = incoming.[DATE_OF_BIRTH], [PHOTO] = incoming.[PHOTO], [NOTE] = incoming.[NOTE] FROM [dbo].[CUSTOMER] base JOIN @changeTable incoming ON base.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] JOIN @done done ON base.[CUSTOMER_ID] = done.[CUSTOMER_ID];
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side JOIN @changeTable incoming ON side.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] JOIN @done done ON side.[CUSTOMER_ID] = done.[CUSTOMER_ID];
SELECT incoming.[CUSTOMER_ID] FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE done.[CUSTOMER_ID] = incoming.[CUSTOMER_ID]);
END
GO
CREATE PROCEDURE [dbo].[CUSTOMER_bulkdelete] (@sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [dbo].[CUSTOMER_BulkType] READONLY) AS
BEGIN
DECLARE @done TABLE ([CUSTOMER_ID] int NOT NULL, PRIMARY KEY ([CUSTOMER_ID]));
INSERT INTO @done ([CUSTOMER_ID]) SELECT base.[CUSTOMER_ID] FROM [dbo].[CUSTOMER] base WITH (UPDLOCK, HOLDLOCK) JOIN [dbo].[CUSTOMER_tracking] side WITH (UPDLOCK, HOLDLOCK) ON base.[CUSTOMER_ID] = side.[CUSTOMER_ID] JOIN @changeTable incoming ON base.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] WHERE ((side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key = incoming.sync_update_peer_key) OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp));
DELETE base FROM [dbo].[CUSTOMER] base JOIN @done done ON base.[CUSTOMER_ID] = done.[CUSTOMER_ID];
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = 1, sync_writer = NULL FROM [dbo].[CUSTOMER_tracking] side JOIN @changeTable incoming ON side.[CUSTOMER_ID] = incoming.[CUSTOMER_ID] JOIN @done done ON side.[CUSTOMER_ID] = done.[CUSTOMER_ID];
SELECT incoming.[CUSTOMER_ID] FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE done.[CUSTOMER_ID] = incoming.[CUSTOMER_ID]);
END
GO
INSERT INTO [dbo].[scope_info] (scope_id, sync_scope_name, scope_config_id, scope_restore_count, scope_user_comment) VALUES (N'00000000-0000-0000-0000-00000000005e', N'MySyncScope', N'00000000-0000-0000-0000-0000000000c0', 0, N'')
GO
INSERT INTO [dbo].[sync_scope] (scope_local_id, was_source) SELECT scope_local_id, 0 FROM [dbo].[scope_info] WHERE sync_scope_name = N'MySyncScope'
GO
UPDATE [dbo].[scope_config] SET scope_status = N'C' WHERE config_id = N'00000000-0000-0000-0000-0000000000c0'
GO
