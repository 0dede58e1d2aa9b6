CREATE TABLE [s]]'].[p]]_scope_info] (scope_local_id int IDENTITY(1,1) NOT NULL, scope_id uniqueidentifier NOT NULL DEFAULT newid(), sync_scope_name nvarchar(100) NOT NULL, scope_sync_knowledge varbinary(max) NULL, scope_tombstone_cleanup_knowledge varbinary(max) NULL, scope_timestamp timestamp NULL, scope_config_id uniqueidentifier NULL, scope_restore_count int NOT NULL DEFAULT 0, scope_user_comment nvarchar(max) NULL, CONSTRAINT [PK_p]]_scope_info] PRIMARY KEY CLUSTERED (sync_scope_name))
GO
CREATE TABLE [s]]'].[p]]_scope_config] (config_id uniqueidentifier NOT NULL, config_data xml NOT NULL, scope_status char(1) NULL, CONSTRAINT [PK_p]]_scope_config] PRIMARY KEY CLUSTERED (config_id))
GO
CREATE TABLE [s]]'].[p]]_schema_info] (schema_major_version int NOT NULL, schema_minor_version int NOT NULL, schema_extended_info nvarchar(100) NOT NULL, CONSTRAINT [PK_p]]_schema_info] PRIMARY KEY CLUSTERED (schema_major_version, schema_minor_version))
GO
INSERT INTO [s]]'].[p]]_schema_info] (schema_major_version, schema_minor_version, schema_extended_info) VALUES (2, 1, N'')
GO
CREATE TABLE [s]]'].[p]]_sync_scope] (scope_local_id int NOT NULL, was_source bit NOT NULL DEFAULT 0, CONSTRAINT [PK_p]]_sync_scope] PRIMARY KEY CLUSTERED (scope_local_id))
GO
CREATE TABLE [s]]'].[p]]_sync_waiting] (scope_local_id int NOT NULL, waiting_id bigint IDENTITY(1,1) NOT NULL, row_id varbinary(max) NOT NULL, table_name nvarchar(max) NOT NULL, row_key varbinary(max) NOT NULL, reason nvarchar(max) NOT NULL, CONSTRAINT [PK_p]]_sync_waiting] PRIMARY KEY CLUSTERED (scope_local_id, waiting_id))
GO
INSERT INTO [s]]'].[p]]_scope_config] (config_id, config_data, scope_status) VALUES (N'00000000-0000-0000-0000-0000000000c0', N'<SqlSyncProviderScopeConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" IsTemplate="false"><Adapter Name="[a]]b ''c''].[T]]; DROP TABLE x -- &quot;''.]" GlobalName="[a]]b ''c''].[T]]; DROP TABLE x -- &quot;''.]" TrackingTable="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._tracking]" SelChngProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._selectchanges]" SelRowProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._selectrow]" InsProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._insert]" UpdProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._update]" DelProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._delete]" InsMetaProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._insertmetadata]" UpdMetaProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._updatemetadata]" DelMetaProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._deletemetadata]" BulkTableType="[s]]''].[p__T___DROP_TABLE_x________BulkType]" BulkInsProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._bulkinsert]" BulkUpdProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._bulkupdate]" BulkDelProc="[s]]''].[p]]_T]]; DROP TABLE x -- &quot;''._bulkdelete]" InsTrig="[a]]b ''c''].[p]]_T]]; DROP TABLE x -- &quot;''._insert_trigger]" UpdTrig="[a]]b ''c''].[p]]_T]]; DROP TABLE x -- &quot;''._update_trigger]" DelTrig="[a]]b ''c''].[p]]_T]]; DROP TABLE x -- &quot;''._delete_trigger]"><Col name="K]1" type="nvarchar" size="20" param="@P_1" pk="true"/><Col name="Nr" type="int" idSeed="5" idStep="2" param="@P_2" pk="true"/><Col name="it''s" type="decimal" prec="38" scale="10" null="true" param="@P_3"/></Adapter></SqlSyncProviderScopeConfiguration>', N'P')
GO
CREATE TABLE [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] ([K]]1] nvarchar(20) COLLATE Greek_BIN2 NOT NULL, [Nr] int NOT NULL, update_scope_local_id int NULL, scope_update_peer_key int NULL, scope_update_peer_timestamp bigint NULL, local_update_peer_key int NOT NULL, local_update_peer_timestamp timestamp NOT NULL, create_scope_local_id int NULL, scope_create_peer_key int NULL, scope_create_peer_timestamp bigint NULL, local_create_peer_key int NOT NULL, local_create_peer_timestamp bigint NOT NULL, sync_row_is_tombstone int NOT NULL, restore_timestamp bigint NULL, last_change_datetime datetime NULL, sync_write_time bigint NULL, sync_writer int NULL, CONSTRAINT [PK_s]]'.p]]_T]]; DROP TABLE x -- "'._tracking] PRIMARY KEY CLUSTERED ([K]]1], [Nr]))
GO
CREATE INDEX local_update_peer_timestamp_index ON [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] (local_update_peer_timestamp, [K]]1], [Nr])
GO
CREATE TRIGGER [a]]b 'c'].[p]]_T]]; DROP TABLE x -- "'._insert_trigger] ON [a]]b 'c'].[T]]; DROP TABLE x -- "'.] FOR INSERT AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[s]]''].[p]]_scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[s]]''].[p]]_T]]; DROP TABLE x -- "''._tracking]') = N'[s]]''].[p]]_T]]; DROP TABLE x -- "''._tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN inserted ON side.[K]]1] = inserted.[K]]1] AND side.[Nr] = inserted.[Nr];
INSERT INTO [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] ([K]]1], [Nr], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[K]]1], inserted.[Nr], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = inserted.[K]]1] AND side.[Nr] = inserted.[Nr]);
END
GO
CREATE TRIGGER [a]]b 'c'].[p]]_T]]; DROP TABLE x -- "'._update_trigger] ON [a]]b 'c'].[T]]; DROP TABLE x -- "'.] FOR UPDATE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[s]]''].[p]]_scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[s]]''].[p]]_T]]; DROP TABLE x -- "''._tracking]') = N'[s]]''].[p]]_T]]; DROP TABLE x -- "''._tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN inserted ON side.[K]]1] = inserted.[K]]1] AND side.[Nr] = inserted.[Nr] JOIN deleted ON side.[K]]1] = deleted.[K]]1] AND side.[Nr] = deleted.[Nr] WHERE (EXISTS (SELECT inserted.[K]]1] COLLATE Latin1_General_BIN2, DATALENGTH(inserted.[K]]1]), inserted.[Nr], inserted.[it's] EXCEPT SELECT deleted.[K]]1] COLLATE Latin1_General_BIN2, DATALENGTH(deleted.[K]]1]), deleted.[Nr], deleted.[it's]));
IF UPDATE([K]]1]) OR UPDATE([Nr])
BEGIN
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN deleted ON side.[K]]1] = deleted.[K]]1] AND side.[Nr] = deleted.[Nr] WHERE NOT EXISTS (SELECT 1 FROM inserted WHERE inserted.[K]]1] = deleted.[K]]1] AND inserted.[Nr] = deleted.[Nr]);
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 0 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN inserted ON side.[K]]1] = inserted.[K]]1] AND side.[Nr] = inserted.[Nr] WHERE NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[K]]1] = inserted.[K]]1] AND deleted.[Nr] = inserted.[Nr]);
INSERT INTO [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] ([K]]1], [Nr], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT inserted.[K]]1], inserted.[Nr], 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM inserted WHERE NOT EXISTS (SELECT 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = inserted.[K]]1] AND side.[Nr] = inserted.[Nr]) AND NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.[K]]1] = inserted.[K]]1] AND deleted.[Nr] = inserted.[Nr]);
END;
END
GO
CREATE TRIGGER [a]]b 'c'].[p]]_T]]; DROP TABLE x -- "'._delete_trigger] ON [a]]b 'c'].[T]]; DROP TABLE x -- "'.] FOR DELETE AS
BEGIN
SET NOCOUNT ON;
IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying')) = N'[s]]''].[p]]_scope_info]' AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'sync_applying_to')), N'[s]]''].[p]]_T]]; DROP TABLE x -- "''._tracking]') = N'[s]]''].[p]]_T]]; DROP TABLE x -- "''._tracking]' RETURN;
UPDATE side SET local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL, sync_row_is_tombstone = 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN deleted ON side.[K]]1] = deleted.[K]]1] AND side.[Nr] = deleted.[Nr];
INSERT INTO [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] ([K]]1], [Nr], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime, sync_write_time) SELECT deleted.[K]]1], deleted.[Nr], 0, 0, CONVERT(bigint, @@DBTS) + 1, 1, GETDATE(), DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM deleted WHERE NOT EXISTS (SELECT 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = deleted.[K]]1] AND side.[Nr] = deleted.[Nr]);
END
GO
DECLARE @tick bigint = CONVERT(bigint, @@DBTS) + 1; INSERT INTO [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] ([K]]1], [Nr], local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) SELECT base.[K]]1], base.[Nr], 0, 0, @tick, 0 FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base LEFT JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr] WHERE side.[K]]1] IS NULL
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._selectchanges] (@sync_min_timestamp bigint, @sync_scope_local_id int, @sync_scope_restore_count int, @sync_update_peer_key int) AS
BEGIN
SELECT side.[K]]1], side.[Nr], base.[it's], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base RIGHT JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr]
WHERE (side.update_scope_local_id IS NULL OR side.update_scope_local_id <> @sync_scope_local_id OR (side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key <> @sync_update_peer_key)) AND side.local_update_peer_timestamp > CONVERT(binary(8), @sync_min_timestamp);
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._selectrow] (@P_1 nvarchar(20), @P_2 int, @sync_scope_local_id int, @sync_scope_restore_count int) AS
BEGIN
SELECT side.[K]]1], side.[Nr], base.[it's], side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_timestamp ELSE CONVERT(bigint, COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)) END AS sync_update_peer_timestamp, CASE WHEN side.update_scope_local_id = @sync_scope_local_id THEN side.scope_update_peer_key WHEN side.local_update_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_update_peer_key END AS sync_update_peer_key, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_timestamp ELSE CONVERT(bigint, side.local_create_peer_timestamp) END AS sync_create_peer_timestamp, CASE WHEN side.create_scope_local_id = @sync_scope_local_id THEN side.scope_create_peer_key WHEN side.local_create_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_create_peer_key END AS sync_create_peer_key
FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base RIGHT JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr]
WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2;
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._insert] (@P_1 nvarchar(20), @P_2 int, @P_3 decimal(38,10), @sync_row_count int OUTPUT) AS
BEGIN
SET @sync_row_count = 0;
IF NOT EXISTS (SELECT 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2)
BEGIN
SET IDENTITY_INSERT [a]]b 'c'].[T]]; DROP TABLE x -- "'.] ON; INSERT INTO [a]]b 'c'].[T]]; DROP TABLE x -- "'.] ([K]]1], [Nr], [it's]) VALUES (@P_1, @P_2, @P_3); SET @sync_row_count = @@ROWCOUNT; SET IDENTITY_INSERT [a]]b 'c'].[T]]; DROP TABLE x -- "'.] OFF;
END;
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._update] (@P_1 nvarchar(20), @P_2 int, @P_3 decimal(38,10), @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE base SET [it's] = @P_3 FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr] WHERE base.[K]]1] = @P_1 AND base.[Nr] = @P_2 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._delete] (@P_1 nvarchar(20), @P_2 int, @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE base FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr] WHERE base.[K]]1] = @P_1 AND base.[Nr] = @P_2 AND (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1);
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._insertmetadata] (@P_1 nvarchar(20), @P_2 int, @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
IF @sync_row_count = 0 AND NOT EXISTS (SELECT 1 FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2)
BEGIN
INSERT INTO [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] ([K]]1], [Nr], create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, restore_timestamp, sync_row_is_tombstone, last_change_datetime) VALUES (@P_1, @P_2, @sync_scope_local_id, @sync_create_peer_key, @sync_create_peer_timestamp, 0, CONVERT(bigint, @@DBTS) + 1, @sync_scope_local_id, @sync_update_peer_key, @sync_update_peer_timestamp, 0, NULL, @sync_row_is_tombstone, GETDATE());
SET @sync_row_count = @@ROWCOUNT;
END;
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._updatemetadata] (@P_1 nvarchar(20), @P_2 int, @sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DECLARE @was_tombstone int = (SELECT sync_row_is_tombstone FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2);
IF @was_tombstone = 1 AND @sync_row_is_tombstone = 0
UPDATE side SET create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1, update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
ELSE
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = @sync_row_is_tombstone, sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._deletemetadata] (@P_1 nvarchar(20), @P_2 int, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT) AS
BEGIN
DELETE side FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WHERE side.[K]]1] = @P_1 AND side.[Nr] = @P_2 AND (@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp));
SET @sync_row_count = @@ROWCOUNT;
END
GO
CREATE TYPE [s]]'].[p__T___DROP_TABLE_x________BulkType] AS TABLE ([K]]1] nvarchar(20) COLLATE Greek_BIN2 NOT NULL, [Nr] int NOT NULL, [it's] decimal(38,10) NULL, sync_update_peer_timestamp bigint, sync_update_peer_key int, sync_create_peer_timestamp bigint, sync_create_peer_key int, PRIMARY KEY ([K]]1], [Nr]))
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._bulkinsert] (@sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [s]]'].[p__T___DROP_TABLE_x________BulkType] READONLY) AS
BEGIN
DECLARE @done TABLE ([K]]1] nvarchar(20) COLLATE Greek_BIN2 NOT NULL, [Nr] int NOT NULL, PRIMARY KEY ([K]]1], [Nr]));
INSERT INTO @done ([K]]1], [Nr]) SELECT incoming.[K]]1], incoming.[Nr] FROM @changeTable incoming LEFT JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WITH (UPDLOCK, HOLDLOCK) ON side.[K]]1] = incoming.[K]]1] AND side.[Nr] = incoming.[Nr] WHERE NOT EXISTS (SELECT 1 FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base WITH (UPDLOCK, HOLDLOCK) WHERE base.[K]]1] = incoming.[K]]1] AND base.[Nr] = incoming.[Nr]) AND (side.local_update_peer_timestamp IS NULL OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp));
SET IDENTITY_INSERT [a]]b 'c'].[T]]; DROP TABLE x -- "'.] ON; INSERT INTO [a]]b 'c'].[T]]; DROP TABLE x -- "'.] ([K]]1], [Nr], [it's]) SELECT incoming.[K]]1], incoming.[Nr], incoming.[it's] FROM @changeTable incoming JOIN @done done ON done.[K]]1] = incoming.[K]]1] AND done.[Nr] = incoming.[Nr]; SET IDENTITY_INSERT [a]]b 'c'].[T]]; DROP TABLE x -- "'.] OFF;
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = incoming.sync_create_peer_key, scope_create_peer_timestamp = incoming.sync_create_peer_timestamp, local_create_peer_key = 0, sync_row_is_tombstone = 0, sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN @changeTable incoming ON side.[K]]1] = incoming.[K]]1] AND side.[Nr] = incoming.[Nr] JOIN @done done ON side.[K]]1] = done.[K]]1] AND side.[Nr] = done.[Nr];
SELECT incoming.[K]]1], incoming.[Nr] FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE done.[K]]1] = incoming.[K]]1] AND done.[Nr] = incoming.[Nr]);
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._bulkupdate] (@sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [s]]'].[p__T___DROP_TABLE_x________BulkType] READONLY) AS
BEGIN
DECLARE @done TABLE ([K]]1] nvarchar(20) COLLATE Greek_BIN2 NOT NULL, [Nr] int NOT NULL, PRIMARY KEY ([K]]1], [Nr]));
INSERT INTO @done ([K]]1], [Nr]) SELECT base.[K]]1], base.[Nr] FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base WITH (UPDLOCK, HOLDLOCK) JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WITH (UPDLOCK, HOLDLOCK) ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr] JOIN @changeTable incoming ON base.[K]]1] = incoming.[K]]1] AND base.[Nr] = incoming.[Nr] WHERE ((side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key = incoming.sync_update_peer_key) OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp));
UPDATE base SET [it's] = incoming.[it's] FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base JOIN @changeTable incoming ON base.[K]]1] = incoming.[K]]1] AND base.[Nr] = incoming.[Nr] JOIN @done done ON base.[K]]1] = done.[K]]1] AND base.[Nr] = done.[Nr];
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN @changeTable incoming ON side.[K]]1] = incoming.[K]]1] AND side.[Nr] = incoming.[Nr] JOIN @done done ON side.[K]]1] = done.[K]]1] AND side.[Nr] = done.[Nr];
SELECT incoming.[K]]1], incoming.[Nr] FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE done.[K]]1] = incoming.[K]]1] AND done.[Nr] = incoming.[Nr]);
END
GO
CREATE PROCEDURE [s]]'].[p]]_T]]; DROP TABLE x -- "'._bulkdelete] (@sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [s]]'].[p__T___DROP_TABLE_x________BulkType] READONLY) AS
BEGIN
DECLARE @done TABLE ([K]]1] nvarchar(20) COLLATE Greek_BIN2 NOT NULL, [Nr] int NOT NULL, PRIMARY KEY ([K]]1], [Nr]));
INSERT INTO @done ([K]]1], [Nr]) SELECT base.[K]]1], base.[Nr] FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base WITH (UPDLOCK, HOLDLOCK) JOIN [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side WITH (UPDLOCK, HOLDLOCK) ON base.[K]]1] = side.[K]]1] AND base.[Nr] = side.[Nr] JOIN @changeTable incoming ON base.[K]]1] = incoming.[K]]1] AND base.[Nr] = incoming.[Nr] WHERE ((side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key = incoming.sync_update_peer_key) OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp));
DELETE base FROM [a]]b 'c'].[T]]; DROP TABLE x -- "'.] base JOIN @done done ON base.[K]]1] = done.[K]]1] AND base.[Nr] = done.[Nr];
UPDATE side SET update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, sync_row_is_tombstone = 1, sync_writer = NULL FROM [s]]'].[p]]_T]]; DROP TABLE x -- "'._tracking] side JOIN @changeTable incoming ON side.[K]]1] = incoming.[K]]1] AND side.[Nr] = incoming.[Nr] JOIN @done done ON side.[K]]1] = done.[K]]1] AND side.[Nr] = done.[Nr];
SELECT incoming.[K]]1], incoming.[Nr] FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE done.[K]]1] = incoming.[K]]1] AND done.[Nr] = incoming.[Nr]);
END
GO
INSERT INTO [s]]'].[p]]_scope_info] (scope_id, sync_scope_name, scope_config_id, scope_restore_count, scope_user_comment) VALUES (N'00000000-0000-0000-0000-00000000005e', N'it''s [one]', N'00000000-0000-0000-0000-0000000000c0', 0, N'''; DROP TABLE x; --')
GO
INSERT INTO [s]]'].[p]]_sync_scope] (scope_local_id, was_source) SELECT scope_local_id, 0 FROM [s]]'].[p]]_scope_info] WHERE sync_scope_name = N'it''s [one]'
GO
UPDATE [s]]'].[p]]_scope_config] SET scope_status = N'C' WHERE config_id = N'00000000-0000-0000-0000-0000000000c0'
GO
