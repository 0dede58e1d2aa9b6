IF SCHEMA_ID(N'Music') IS NULL EXEC(N'CREATE SCHEMA [Music]')
GO
CREATE TABLE [Music].[Album] ([Id] bigint NOT NULL, [Code] nvarchar(450) COLLATE Latin1_General_BIN2 NOT NULL, [Price] decimal(38,10) NOT NULL, PRIMARY KEY ([Id], [Code]))
GO
CREATE TABLE [Music].[Track] ([Id] bigint IDENTITY(1,1) NOT NULL, [Code] nvarchar(450) COLLATE Latin1_General_BIN2 NOT NULL, [Price] decimal(38,10) NOT NULL, PRIMARY KEY ([Id], [Code]))
GO
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
INSERT INTO [dbo].[scope_config] (config_id, config_data, scope_status) VALUES (N'00000000-0000-0000-0000-0000000000c0', N'<SqlSyncProviderScopeConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" IsTemplate="false"><Adapter Name="[Music].[Album]" GlobalName="[Music].[Album]" TrackingTable="[Music].[Album_tracking]" SelChngProc="[Music].[Album_selectchanges]" SelRowProc="[Music].[Album_selectrow]" InsProc="[Music].[Album_insert]" UpdProc="[Music].[Album_update]" DelProc="[Music].[Album_delete]" InsMetaProc="[Music].[Album_insertmetadata]" UpdMetaProc="[Music].[Album_updatemetadata]" DelMetaProc="[Music].[Album_deletemetadata]" InsTrig="[Music].[Album_insert_trigger]" UpdTrig="[Music].[Album_update_trigger]" DelTrig="[Music].[Album_delete_trigger]"><Col name="Id" type="bigint" param="@P_1" pk="true"/><Col name="Code" type="nvarchar" size="450" param="@P_2" pk="true"/><Col name="Price" type="decimal" prec="38" scale="10" param="@P_3"/></Adapter><Adapter Name="[Music].[Track]" GlobalName="[Music].[Track]" TrackingTable="[Music].[Track_tracking]" SelChngProc="[Music].[Track_selectchanges]" SelRowProc="[Music].[Track_selectrow]" InsProc="[Music].[Track_insert]" UpdProc="[Music].[Track_update]" DelProc="[Music].[Track_delete]" InsMetaProc="[Music].[Track_insertmetadata]" UpdMetaProc="[Music].[Track_updatemetadata]" DelMetaProc="[Music].[Track_deletemetadata]" InsTrig="[Music].[Track_insert_trigger]" UpdTrig="[Music].[Track_update_trigger]" DelTrig="[Music].[Track_delete_trigger]"><Col name="Id" type="bigint" idSeed="1" idStep="1" param="@P_1" pk="true"/><Col name="Code" type="nvarchar" size="450" param="@P_2" pk="true"/><Col name="Price" type="decimal" prec="38" scale="10" param="@P_3"/></Adapter></SqlSyncProviderScopeConfiguration>', N'P')
GO
CREATE TABLE [Music].[Album_tracking] ([Id] bigint NOT NULL, [Code] nvarchar(450) COLLATE Latin1_General_BIN2 NOT NULL, update_scope_local_id int NULL, scope_update_peer_key int NULL, scope_update_peer_timestamp bigint NULL, local_update_peer_key int NOT NULL, local_update_peer_timestamp timestamp NOT NULL, create_scope_local_id int NULL, scope_create_peer_key int NULL, scope_create_peer_timestamp bigint NULL, local_create_peer_key int NOT NULL, local_create_peer_timestamp bigint NOT NULL, sync_row_is_tombstone int NOT NULL, restore_timestamp bigint NULL, last_change_datetime datetime NULL, sync_write_time bigint NULL, sync_writer int NULL, CONSTRAINT [PK_Music.Album_tracking] PRIMARY KEY CLUSTERED ([Id], [Code]))
GO
CREATE INDEX local_update_peer_timestamp_index ON [Music].[Album_tracking] (local_update_peer_timestamp, [Id], [Code])
GO
CREATE TRIGGER [Music].[Album_insert_trigger] ON [Music].[Album] FOR INSERT AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[Music].[Album_tracking]') = N'[Music].[Album_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [Music].[Album_tracking] side JOIN inserted ON side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code];
INSERT INTO [Music].[Album_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[Id], inserted.[Code], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [Music].[Album_tracking] side WHERE side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code]);
END
GO
CREATE TRIGGER [Music].[Album_update_trigger] ON [Music].[Album] FOR UPDATE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[Music].[Album_tracking]') = N'[Music].[Album_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL FROM [Music].[Album_tracking] side JOIN inserted ON side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code] JOIN deleted ON side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code] WHERE (EXISTS (SELECT inserted.[Id], inserted.[Code] COLLATE Latin1_General_BIN2, DATALENGTH(inserted.[Code]), inserted.[Price] EXCEPT SELECT deleted.[Id], deleted.[Code] COLLATE Latin1_General_BIN2, DATALENGTH(deleted.[Code]), deleted.[Price]));
IF UPDATE([Id]) OR UPDATE([Code])
BEGIN
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [Music].[Album_tracking] side JOIN deleted ON side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code] WHERE NOT EXISTS (SELECT 1 FROM inserted WHERE inserted.[Id] = deleted.[Id] AND inserted.[Code] = deleted.[Code]);
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [Music].[Album_tracking] side JOIN inserted ON side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code] WHERE NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[Id] = inserted.[Id] AND deleted.[Code] = inserted.[Code]);
INSERT INTO [Music].[Album_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[Id], inserted.[Code], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [Music].[Album_tracking] side WHERE side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code]) AND NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[Id] = inserted.[Id] AND deleted.[Code] = inserted.[Code]);
END;
END
GO
CREATE TRIGGER [Music].[Album_delete_trigger] ON [Music].[Album] FOR DELETE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[Music].[Album_tracking]') = N'[Music].[Album_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [Music].[Album_tracking] side JOIN deleted ON side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code];
INSERT INTO [Music].[Album_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT deleted.[Id], deleted.[Code], 0, 0, CONVERT(bigint, @@DBTS) + 1, 1, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM deleted WHERE NOT EXISTS (SELECT 1 FROM [Music].[Album_tracking] side WHERE side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code]);
END
GO
DECLARE @tick bigint = CONVERT(bigint, @@DBTS) + 1; INSERT INTO [Music].[Album_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) SELECT base.[Id], base.[Code], 0, 0, @tick, 0 FROM [Music].[Album] base LEFT JOIN [Music].[Album_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code] WHERE side.[Id] IS NULL
GO
CREATE PROCEDURE [Music].[Album_selectchanges] (@sync_min_timestamp bigint, @sync_scope_local_id int, @sync_scope_restore_count int, @sync_update_peer_key int) AS
BEGIN
SELECT side.[Id], side.[Code], base.[Price], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [Music].[Album] base RIGHT JOIN [Music].[Album_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code]
WHERE (side.update_scope_local_id IS NULL OR side.update_scope_local_id <> @sync_scope_local_id OR (side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key <> @sync_update_peer_key)) AND side.local_update_peer_timestamp > CONVERT(binary(8), @sync_min_timestamp);
END
GO
CREATE PROCEDURE [Music].[Album_selectrow] (@P_1 bigint, @P_2 nvarchar(450), @sync_scope_local_id int, @sync_scope_restore_count int) AS
BEGIN
SELECT side.[Id], side.[Code], base.[Price], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [Music].[Album] base RIGHT JOIN [Music].[Album_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code]
WHERE side.[Id] = @P_1 AND side.[Code] = @P_2;
END
GO
CREATE PROCEDURE [Music].[Album_insert] (@P_1 bigint, @P_2 nvarchar(450), @P_3 decimal(38,10), @sync_row_count int OUTPUT) AS
BEGIN
SET @sync_row_count = 0;
IF NOT EXISTS (SELECT 1 FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2)
BEGIN
INSERT INTO [Music].[Album] ([Id], [Code], [Price]) VALUES (@P_1, @P_2, @P_3); SET @sync_row_count = @@ROWCOUNT;
END;
END
GO
CREATE PROCEDURE [Music].[Album_update] (@P_1 bigint, @P_2 nvarchar(450), @P_3 decimal(38,10), @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE base SET [Price] = @P_3 FROM [Music].[Album] base JOIN [Music].[Album_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code] WHERE base.[Id] = @P_1 AND base.[Code] = @P_2 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [Music].[Album_delete] (@P_1 bigint, @P_2 nvarchar(450), @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE base FROM [Music].[Album] base JOIN [Music].[Album_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code] WHERE base.[Id] = @P_1 AND base.[Code] = @P_2 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [Music].[Album_insertmetadata] (@P_1 bigint, @P_2 nvarchar(450), @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
IF @sync_row_count = 0 AND NOT EXISTS (SELECT 1 FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2)
BEGIN
INSERT INTO [Music].[Album_tracking] ([Id], [Code], create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, restore_timestamp, sync_row_is_tombstone, last_change_datetime) VALUES (@P_1, @P_2, @sync_scope_local_id, @sync_create_peer_key, @sync_create_peer_timestamp, 0, CONVERT(bigint, @@DBTS) + 1, @sync_scope_local_id, @sync_update_peer_key, @sync_update_peer_timestamp, 0, NULL, @sync_row_is_tombstone, GETDATE());
SET @sync_row_count = @@ROWCOUNT;
END;
END
GO
CREATE PROCEDURE [Music].[Album_updatemetadata] (@P_1 bigint, @P_2 nvarchar(450), @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DECLARE @was_tombstone int = (SELECT sync_row_is_tombstone FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2);
IF @was_tombstone = 1 AND @sync_row_is_tombstone = 0
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
ELSE
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [Music].[Album_deletemetadata] (@P_1 bigint, @P_2 nvarchar(450), @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE side FROM [Music].[Album_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE TABLE [Music].[Track_tracking] ([Id] bigint NOT NULL, [Code] nvarchar(450) COLLATE Latin1_General_BIN2 NOT NULL, update_scope_local_id int NULL, scope_update_peer_key int NULL, scope_update_peer_timestamp bigint NULL, local_update_peer_key int NOT NULL, local_update_peer_timestamp timestamp NOT NULL, create_scope_local_id int NULL, scope_create_peer_key int NULL, scope_create_peer_timestamp bigint NULL, local_create_peer_key int NOT NULL, local_create_peer_timestamp bigint NOT NULL, sync_row_is_tombstone int NOT NULL, restore_timestamp bigint NULL, last_change_datetime datetime NULL, sync_write_time bigint NULL, sync_writer int NULL, CONSTRAINT [PK_Music.Track_tracking] PRIMARY KEY CLUSTERED ([Id], [Code]))
GO
CREATE INDEX local_update_peer_timestamp_index ON [Music].[Track_tracking] (local_update_peer_timestamp, [Id], [Code])
GO
CREATE TRIGGER [Music].[Track_insert_trigger] ON [Music].[Track] FOR INSERT AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[Music].[Track_tracking]') = N'[Music].[Track_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [Music].[Track_tracking] side JOIN inserted ON side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code];
INSERT INTO [Music].[Track_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[Id], inserted.[Code], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [Music].[Track_tracking] side WHERE side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code]);
END
GO
CREATE TRIGGER [Music].[Track_update_trigger] ON [Music].[Track] FOR UPDATE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[Music].[Track_tracking]') = N'[Music].[Track_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL FROM [Music].[Track_tracking] side JOIN inserted ON side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code] JOIN deleted ON side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code] WHERE (EXISTS (SELECT inserted.[Id], inserted.[Code] COLLATE Latin1_General_BIN2, DATALENGTH(inserted.[Code]), inserted.[Price] EXCEPT SELECT deleted.[Id], deleted.[Code] COLLATE Latin1_General_BIN2, DATALENGTH(deleted.[Code]), deleted.[Price]));
IF UPDATE([Id]) OR UPDATE([Code])
BEGIN
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [Music].[Track_tracking] side JOIN deleted ON side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code] WHERE NOT EXISTS (SELECT 1 FROM inserted WHERE inserted.[Id] = deleted.[Id] AND inserted.[Code] = deleted.[Code]);
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [Music].[Track_tracking] side JOIN inserted ON side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code] WHERE NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[Id] = inserted.[Id] AND deleted.[Code] = inserted.[Code]);
INSERT INTO [Music].[Track_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[Id], inserted.[Code], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [Music].[Track_tracking] side WHERE side.[Id] = inserted.[Id] AND side.[Code] = inserted.[Code]) AND NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[Id] = inserted.[Id] AND deleted.[Code] = inserted.[Code]);
END;
END
GO
CREATE TRIGGER [Music].[Track_delete_trigger] ON [Music].[Track] FOR DELETE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[dbo].[scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[Music].[Track_tracking]') = N'[Music].[Track_tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [Music].[Track_tracking] side JOIN deleted ON side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code];
INSERT INTO [Music].[Track_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT deleted.[Id], deleted.[Code], 0, 0, CONVERT(bigint, @@DBTS) + 1, 1, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM deleted WHERE NOT EXISTS (SELECT 1 FROM [Music].[Track_tracking] side WHERE side.[Id] = deleted.[Id] AND side.[Code] = deleted.[Code]);
END
GO
DECLARE @tick bigint = CONVERT(bigint, @@DBTS) + 1; INSERT INTO [Music].[Track_tracking] ([Id], [Code], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) SELECT base.[Id], base.[Code], 0, 0, @tick, 0 FROM [Music].[Track] base LEFT JOIN [Music].[Track_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code] WHERE side.[Id] IS NULL
GO
CREATE PROCEDURE [Music].[Track_selectchanges] (@sync_min_timestamp bigint, @sync_scope_local_id int, @sync_scope_restore_count int, @sync_update_peer_key int) AS
BEGIN
SELECT side.[Id], side.[Code], base.[Price], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [Music].[Track] base RIGHT JOIN [Music].[Track_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code]
WHERE (side.update_scope_local_id IS NULL OR side.update_scope_local_id <> @sync_scope_local_id OR (side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key <> @sync_update_peer_key)) AND side.local_update_peer_timestamp > CONVERT(binary(8), @sync_min_timestamp);
END
GO
CREATE PROCEDURE [Music].[Track_selectrow] (@P_1 bigint, @P_2 nvarchar(450), @sync_scope_local_id int, @sync_scope_restore_count int) AS
BEGIN
SELECT side.[Id], side.[Code], base.[Price], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [Music].[Track] base RIGHT JOIN [Music].[Track_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code]
WHERE side.[Id] = @P_1 AND side.[Code] = @P_2;
END
GO
CREATE PROCEDURE [Music].[Track_insert] (@P_1 bigint, @P_2 nvarchar(450), @P_3 decimal(38,10), @sync_row_count int OUTPUT) AS
BEGIN
SET @sync_row_count = 0;
IF NOT EXISTS (SELECT 1 FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2)
BEGIN
SET IDENTITY_INSERT [Music].[Track] ON; INSERT INTO [Music].[Track] ([Id], [Code], [Price]) VALUES (@P_1, @P_2, @P_3); SET @sync_row_count = @@ROWCOUNT; SET IDENTITY_INSERT [Music].[Track] OFF;
END;
END
GO
CREATE PROCEDURE [Music].[Track_update] (@P_1 bigint, @P_2 nvarchar(450), @P_3 decimal(38,10), @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE base SET [Price] = @P_3 FROM [Music].[Track] base JOIN [Music].[Track_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code] WHERE base.[Id] = @P_1 AND base.[Code] = @P_2 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [Music].[Track_delete] (@P_1 bigint, @P_2 nvarchar(450), @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE base FROM [Music].[Track] base JOIN [Music].[Track_tracking] side ON base.[Id] = side.[Id] AND base.[Code] = side.[Code] WHERE base.[Id] = @P_1 AND base.[Code] = @P_2 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [Music].[Track_insertmetadata] (@P_1 bigint, @P_2 nvarchar(450), @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
IF @sync_row_count = 0 AND NOT EXISTS (SELECT 1 FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2)
BEGIN
INSERT INTO [Music].[Track_tracking] ([Id], [Code], create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, restore_timestamp, sync_row_is_tombstone, last_change_datetime) VALUES (@P_1, @P_2, @sync_scope_local_id, @sync_create_peer_key, @sync_create_peer_timestamp, 0, CONVERT(bigint, @@DBTS) + 1, @sync_scope_local_id, @sync_update_peer_key, @sync_update_peer_timestamp, 0, NULL, @sync_row_is_tombstone, GETDATE());
SET @sync_row_count = @@ROWCOUNT;
END;
END
GO
CREATE PROCEDURE [Music].[Track_updatemetadata] (@P_1 bigint, @P_2 nvarchar(450), @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DECLARE @was_tombstone int = (SELECT sync_row_is_tombstone FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2);
IF @was_tombstone = 1 AND @sync_row_is_tombstone = 0
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
ELSE
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [Music].[Track_deletemetadata] (@P_1 bigint, @P_2 nvarchar(450), @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE side FROM [Music].[Track_tracking] side WHERE side.[Id] = @P_1 AND side.[Code] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
INSERT INTO [dbo].[scope_info] (scope_id, sync_scope_name, scope_config_id, scope_restore_count, scope_user_comment) VALUES (N'00000000-0000-0000-0000-00000000005e', N'music', N'00000000-0000-0000-0000-0000000000c0', 0, N'')
GO
INSERT INTO [dbo].[sync_scope] (scope_local_id, was_source) SELECT scope_local_id, 0 FROM [dbo].[scope_info] WHERE sync_scope_name = N'music'
GO
UPDATE [dbo].[scope_config] SET scope_status = N'C' WHERE config_id = N'00000000-0000-0000-0000-0000000000c0'
GO
