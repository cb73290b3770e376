# Where the readings are, the quarantine and the dead letters.
resource "aws_s3_bucket" "readings" {
  bucket = var.bucket
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "readings" {
  bucket                  = aws_s3_bucket.readings.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "readings" {
  bucket = aws_s3_bucket.readings.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "readings" {
  bucket = aws_s3_bucket.readings.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
    }
    bucket_key_enabled = var.kms_key_arn != ""
  }
}

# A way back after a mistake.
resource "aws_s3_bucket_versioning" "readings" {
  bucket = aws_s3_bucket.readings.id
  versioning_configuration {
    status = "Enabled"
  }
}

# Compaction deletes what it has merged. Without this the old versions would take room for ever.
resource "aws_s3_bucket_lifecycle_configuration" "readings" {
  bucket     = aws_s3_bucket.readings.id
  depends_on = [aws_s3_bucket_versioning.readings]
  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }
    expiration {
      expired_object_delete_marker = true
    }
  }
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.readings.arn, "${aws_s3_bucket.readings.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "readings" {
  bucket     = aws_s3_bucket.readings.id
  policy     = data.aws_iam_policy_document.tls_only.json
  depends_on = [aws_s3_bucket_public_access_block.readings]
}
